/**
 * Where errors go that have no caller: they are told to the application and never thrown at it.
 *
 * @typedef {object} ErrorContext
 * @property {"connection" | "publish" | "message" | "namespace" | "version"} stage
 * @property {string} [namespace]
 * @typedef {(error: Error, context: ErrorContext) => void} Report
 */

/**
 * @param {Report} [onError]
 * @returns {Report} one that never throws
 */
export function reporter(onError = printLine) {
  return (error, context) => {
    try {
      onError(error instanceof Error ? error : new Error(String(error)), context);
    } catch (failure) {
      printLine(failure, context);
    }
  };
}

function printLine(error, { stage, namespace }) {
  const where = namespace === undefined ? stage : `${stage}, ${namespace}`;
  console.error(`socketio-gateway (${where}): ${String(error?.message ?? error).replaceAll("\n", " ")}`);
}
