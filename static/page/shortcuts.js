import { tell } from './dialog.js'
import { element } from './dom.js'
import { t } from './words.js'

const command = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl'

/** By where they work. */
const SHEET = {
  'shortcuts.everywhere': [[`${command} + /`, 'sheet'], ['Alt + ↑ ↓', 'rooms'], ['Tab', 'tab']],
  'shortcuts.writing': [['Enter', 'send'], ['Shift + Enter', 'line'], ['↑', 'edit-last'], ['@', 'mention'], ['/', 'command'], ['Esc', 'to-log']],
  'shortcuts.messages': [['↑ ↓', 'move'], ['Enter', 'menu'], ['R', 'reply'], ['E', 'edit'], ['C', 'link'], ['Delete', 'delete'], ['Esc', 'to-text']]
}

/** What can be done by keys and by commands. */
export function shortcutSheet () {
  const tables = Object.entries(SHEET).map(([title, keys]) => element('section', {},
    element('h3', {}, t(title)),
    element('dl', {}, ...keys.flatMap(([key, what]) => [element('dt', {}, element('kbd', {}, key)), element('dd', {}, t(`shortcut.${what}`))]))))
  const commands = element('section', {},
    element('h3', {}, t('shortcuts.commands')),
    element('dl', {}, ...['me', 'nick', 'join', 'help', 'topic', 'slow'].flatMap((name) => [element('dt', {}, element('kbd', {}, `/${name}`)), element('dd', {}, t(`command.${name}`))])))
  tell({ title: t('shortcuts.title'), content: [element('div', { class: 'sheet' }, ...tables, commands)], wide: true })
}
