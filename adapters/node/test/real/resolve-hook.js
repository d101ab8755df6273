/** Lets `import "socket.io-adapter"` find what Socket.IO itself uses, from a directory outside the repository. */

let parent;

export function initialize(parentURL) {
  parent = parentURL;
}

export function resolve(specifier, context, next) {
  const isPackage = /^[a-z@]/.test(specifier) && !specifier.includes(":");
  return next(specifier, isPackage ? { ...context, parentURL: parent } : context);
}
