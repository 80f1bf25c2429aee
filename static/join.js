import { Credentials } from './client/credentials.js'
import { Requests } from './client/requests.js'
import { openStorage } from './client/storage.js'
import { keepsCookies } from './page/credentials.js'
import { reasonOf } from './page/words.js'

const button = document.getElementById('join')
const state = document.getElementById('state')
const here = new URL('.', location.href)
const base = new URL('../', here)
// Where the browser keeps no cookies, the guest is who the page takes us for, by the token that it keeps.
const cookies = keepsCookies()
const requests = new Requests(here, new Credentials({ cookies, keep: openStorage(() => localStorage), slot: `hubbub token ${base}` }))

button.addEventListener('click', async () => {
  button.disabled = true
  try {
    const { room, token } = await requests.json('POST', location.href)
    // A beginning of names stands for many rooms, none of which need be there yet.
    const query = room.endsWith('*') ? '' : `?${new URLSearchParams({ room })}`
    // Where it may keep nothing at all, the address takes a new guest's token along.
    location.replace(new URL(`${query}${cookies || token === undefined ? '' : `#token=${token}`}`, base))
  } catch (failure) {
    state.textContent = reasonOf(failure)
    button.disabled = failure.status === 404
  }
})
button.focus()
