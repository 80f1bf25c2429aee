/** From this width on there is room beside the messages. */
const WIDE = matchMedia('(min-width: 60rem)')

/**
 * Something beside the messages where the window is wide, and over them, opened by a button, where it is not.
 * @param {HTMLElement} panel
 */
export function asPanel (panel) {
  const fit = () => {
    if (WIDE.matches) panel.removeAttribute('popover')
    else panel.popover = 'auto'
  }
  WIDE.addEventListener('change', fit)
  fit()
  return { close: () => { if (panel.popover !== null && panel.matches(':popover-open')) panel.hidePopover() } }
}
