import { button, element } from './dom.js'
import { reasonOf, t } from './words.js'

let count = 0

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {'text' | 'number' | 'checkbox'} [type]
 * @property {Array<[value: string, label: string]>} [choices] one of these instead
 * @property {unknown} [value]
 * @property {string} [hint]
 * @property {Record<string, string>} [attributes]
 */

/**
 * A question that must be answered before anything else. What is refused is said beside the fields, and nothing that was typed is lost.
 * @param {object} options
 * @param {string} options.title
 * @param {Array<string | Node>} [options.about]
 * @param {Field[]} [options.fields]
 * @param {string} options.act the button's word
 * @param {boolean} [options.danger]
 * @param {(values: Record<string, any>) => unknown} options.run rejects where it is refused; a `confirm` of the error asks once more
 */
export function ask ({ title, about = [], fields = [], act, danger = false, run }) {
  const id = `dialog-${count++}`
  const problem = element('p', { class: 'error', role: 'alert', id: `${id}-problem` })
  const submit = element('button', { type: 'submit', class: danger ? 'danger' : undefined }, act)
  let confirmed = false
  const complain = (words) => {
    problem.textContent = words
    // Of several it is not known which.
    if (fields.length === 1) first.ariaInvalid = words === '' ? null : 'true'
  }
  const dialog = element('dialog', { 'aria-labelledby': id },
    element('form', {
      autocomplete: 'off',
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault()
        if (submit.ariaDisabled === 'true') return
        submit.ariaDisabled = 'true'
        try {
          await run({ ...valuesOf(event.target, fields), ...(confirmed && { confirmed }) })
          dialog.close()
        } catch (failure) {
          confirmed = failure.code === 'HUB_CONFIRM_ADDRESS'
          complain(failure.name === 'RequestFailed' ? reasonOf(failure) : failure.message)
          if (confirmed) submit.textContent = t('confirm')
        }
        submit.ariaDisabled = null
      }
    },
    element('h2', { id }, title),
    ...(about.length === 0 ? [] : [element('p', { class: 'note' }, ...about)]),
    ...fields.map((field) => inputFor(field, id)),
    problem,
    element('p', { class: 'actions' }, button(t('cancel'), () => dialog.close()), ' ', submit)))
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  const first = dialog.querySelector('input:not([type=checkbox]), select, textarea') ?? submit
  first.focus()
  first.select?.()
  dialog.addEventListener('input', () => complain(''))
  return dialog
}

/** Something to be read, and closed. @param {{ title: string, content: Node[] }} options */
export function tell ({ title, content, wide = false }) {
  const id = `dialog-${count++}`
  const close = button(t('close'), () => dialog.close(), { class: 'primary' })
  const dialog = element('dialog', { 'aria-labelledby': id, class: wide ? 'wide' : undefined },
    element('h2', { id, tabindex: '-1' }, title), ...content, element('p', { class: 'actions' }, close))
  dialog.addEventListener('close', () => dialog.remove())
  // A click beside it.
  dialog.addEventListener('click', (event) => { if (event.target === dialog && !event.defaultPrevented) dialog.close() })
  document.body.append(dialog)
  dialog.showModal()
  dialog.querySelector('h2').focus()
  return dialog
}

function inputFor ({ name, label, type = 'text', choices, value, hint, attributes = {} }, dialogId) {
  const id = `${dialogId}-${name}`
  const described = hint === undefined ? {} : { 'aria-describedby': `${id}-hint` }
  const input = choices !== undefined
    ? element('select', { id, name, ...described }, ...choices.map(([value, label]) => element('option', { value }, label)))
    : element('input', { id, name, type, dir: type === 'text' ? 'auto' : undefined, ...described, ...attributes })
  if (type === 'checkbox') input.checked = value === true
  else if (value !== undefined) input.value = value
  const words = element('label', { for: id }, label)
  return element('div', { class: type === 'checkbox' ? 'field check' : 'field' },
    ...(type === 'checkbox' ? [input, words] : [words, input]),
    ...(hint === undefined ? [] : [element('p', { class: 'note', id: `${id}-hint` }, hint)]))
}

function valuesOf (form, fields) {
  return Object.fromEntries(fields.map(({ name, type }) => {
    const input = form.elements.namedItem(name)
    return [name, type === 'checkbox' ? input.checked : type === 'number' ? input.valueAsNumber : input.value.trim()]
  }))
}
