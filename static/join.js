import { requestJson } from './request.js'

const button = document.getElementById('join')
const state = document.getElementById('state')

button.addEventListener('click', async () => {
  button.disabled = true
  try {
    const { room } = await requestJson('POST', location.href)
    // A beginning of names stands for many rooms, none of which need be there yet.
    const query = room.endsWith('*') ? '' : `?${new URLSearchParams({ room })}`
    location.replace(new URL(`../${query}`, location.href))
  } catch (failure) {
    state.textContent = failure.message
    button.disabled = failure.status === 404
  }
})
button.focus()
