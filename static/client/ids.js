/**
 * Event ids are `<milliseconds>-<sequence>`, strictly increasing within a room.
 * @returns {number} less than 0 where `a` comes before `b`
 */
export function compareIds (a, b) {
  const [aMs, aSequence] = a.split('-').map(Number)
  const [bMs, bSequence] = b.split('-').map(Number)
  return aMs - bMs || aSequence - bSequence
}

/** @returns {number} Unix time in ms, by the server's clock */
export function timeOf (id) {
  return parseInt(id)
}

/** @param {string} cursor `room:id[,room:id…]` @returns {Map<string, string>} the id by room */
export function placesOf (cursor) {
  return new Map(cursor.split(',').map((place) => {
    const colon = place.indexOf(':')
    return [place.slice(0, colon), place.slice(colon + 1)]
  }))
}
