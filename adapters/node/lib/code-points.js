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
 * @param {Iterable<T>} items
 * @param {{ name: (item: T) => string, after?: string, limit?: number }} page `after` is not part of it
 * @returns {T[]} in order
 */
export function firstInOrder(items, { name, after, limit = Infinity }) {
  const page = [];
  const compare = (a, b) => compareCodePoints(name(a), name(b));
  for (const item of items) {
    if (after !== undefined && compareCodePoints(name(item), after) <= 0) continue;
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
