/**
 * @template T
 * @param {Promise<T>} promise keeps running; what becomes of it later is ignored
 * @param {number} ms
 * @param {(resolve: (value?: T) => void, reject: (error: Error) => void) => void} onTimeout
 * @returns {Promise<T>}
 */
export function withDeadline(promise, ms, onTimeout) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => onTimeout(resolve, reject), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
