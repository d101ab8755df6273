/** There is no way to the broker at this moment. */
export class NotConnectedError extends Error {
  name = "NotConnectedError";
  code = "ERR_NOT_CONNECTED";
}
