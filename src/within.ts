/**
 * What a promise resolves to, if it does so in time; another value where it takes longer, or rejects. What comes too late is nobody's.
 * @param ms how long is waited
 */
export function within<T> (ms: number, promise: Promise<T>, otherwise: T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(otherwise), ms)
    promise.catch(() => otherwise).then((value) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}
