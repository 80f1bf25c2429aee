import { Credentials } from './client/credentials.js'
import { Requests } from './client/requests.js'
import { openStorage } from './client/storage.js'
import { reasonOf } from './page/words.js'

const button = document.getElementById('join')
const state = document.getElementById('state')
const here = new URL('.', location.href)
const requests = new Requests(here, new Credentials({ cookies: true, keep: openStorage(() => sessionStorage), slot: '' }))

button.addEventListener('click', async () => {
  button.disabled = true
  try {
    const { room } = await requests.json('POST', location.href)
    // A beginning of names stands for many rooms, none of which need be there yet.
    const query = room.endsWith('*') ? '' : `?${new URLSearchParams({ room })}`
    location.replace(new URL(`../${query}`, here))
  } catch (failure) {
    state.textContent = reasonOf(failure)
    button.disabled = failure.status === 404
  }
})
button.focus()
