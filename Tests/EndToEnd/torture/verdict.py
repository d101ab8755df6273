"""What the gateways said, against what has arrived."""

from collections import Counter, defaultdict, namedtuple

from emits import NEVER, ONCE, ROUTED, STEADY

SECONDS_UNTIL_WRITTEN = 2

# `request` is the number of the first emit in it, `began` and `ended` are when it was sent first and answered last.
Said = namedtuple("Said", "number form outcome code keys request began ended")


def untruths(said, messages, unsteady=()):
    """One line for each untruth: `said` is a list of `Said`, `messages` one of the witness's.

    `unsteady` are the times, as pairs, in which the servers' side came and went, so that of an emit to several rooms not all have to arrive:
    `routed` says that there was somebody, not that every room had somebody. An emit that was acknowledged was answered by servers, for which nobody
    waits for the broker's confirm: a broker that dies right behind it may not have written it down yet.
    """
    arrived = defaultdict(list)
    for message in messages:
        arrived[message.number].append(message)
    found = [f"{message}: mutilated" for message in messages if not message.is_whole]
    for each in said:
        keys = Counter(message.key for message in arrived.pop(each.number, ()))
        found += [f"{each}: {untruth}, {dict(keys)}" for untruth in _untruths(each, keys, unsteady)]
    found += [f"{number}: arrived, and nobody has emitted it" for number in arrived]
    return found + _out_of_order(said, messages)


def _untruths(said, keys, unsteady):
    if any(count > 1 for count in keys.values()):
        yield "arrived twice"
    if set(keys) - set(said.keys):
        yield "arrived elsewhere"
    if said.outcome in NEVER and keys:
        yield "arrived"
    if said.outcome == ROUTED:
        steady = {key for key in said.keys if key in STEADY or key == ONCE}
        is_acknowledged = said.form.endswith("acknowledged")
        until = said.ended + (SECONDS_UNTIL_WRITTEN if is_acknowledged else 0)
        is_steady = all(until < start or end < said.began for start, end in unsteady)
        if (steady - set(keys) or not keys) if is_steady else not keys and not is_acknowledged:
            yield "lost"


def _out_of_order(said, messages):
    """Of each batch, what was routed comes in the order of its items."""
    first = {}
    for message in messages:
        first.setdefault(message.number, message.offset)
    batches = defaultdict(list)
    for each in said:
        if each.outcome == ROUTED and each.number in first and each.form.startswith(("batch", "ndjson")):
            batches[each.request].append(each.number)
    return [
        f"the batch that begins with {request}: out of order"
        for request, numbers in batches.items()
        if (offsets := [first[number] for number in sorted(numbers)]) != sorted(offsets)
    ]
