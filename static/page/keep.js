import { openStorage } from '../client/storage.js'

const lasting = openStorage(() => localStorage)
const ofTab = openStorage(() => sessionStorage)

/**
 * What the page remembers, for all tabs or for this one; only as long as the page lives, where the browser denies it.
 * Values are JSON.
 */
function memory (storage) {
  return {
    get: (key, otherwise) => {
      try {
        return JSON.parse(storage.getItem(`hubbub ${key}`)) ?? otherwise
      } catch {
        return otherwise
      }
    },
    set: (key, value) => {
      if (value === undefined) storage.removeItem(`hubbub ${key}`)
      else storage.setItem(`hubbub ${key}`, JSON.stringify(value))
    }
  }
}

export const keep = memory(lasting)
export const keepForTab = memory(ofTab)
