/** Names in ascending order of their Unicode code points, which is that of their UTF-8 bytes. */

/**
 * @param {string} a
 * @param {string} b
 * @returns {number} negative, zero or positive
 */
export function compareCodePoints(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF, so they come behind U+E000 to U+FFFF. */
function rank(codeUnit) {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}

/**
 * The first items in order, without sorting all of them.
 *
 * @template T
 * @template N
 * @param {Iterable<T>} items
 * @param {object} page
 * @param {(item: T) => N} page.name
 * @param {(a: N, b: N) => number} [page.compare]
 * @param {N} [page.after] not part of it
 * @param {number} [page.limit]
 * @returns {T[]} in order
 */
export function firstInOrder(items, { name, compare: compareNames = compareCodePoints, after, limit = Infinity }) {
  const page = [];
  const compare = (a, b) => compareNames(name(a), name(b));
  for (const item of items) {
    if (after !== undefined && compareNames(name(item), after) <= 0) continue;
    if (limit === Infinity) page.push(item);
    else insert(page, item, { compare, limit });
  }
  return limit === Infinity ? page.sort(compare) : page;
}

function insert(page, item, { compare, limit }) {
  if (page.length === limit && (limit === 0 || compare(item, page[limit - 1]) >= 0)) return;
  let [low, high] = [0, page.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(page[middle], item) <= 0) low = middle + 1;
    else high = middle;
  }
  page.splice(low, 0, item);
  if (page.length > limit) page.pop();
}
