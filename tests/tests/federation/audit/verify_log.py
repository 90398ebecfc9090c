"""Verifies an audit log by docs/audit-format.md alone: python3 verify_log.py FOLDER KEY. Standard library only."""

import base64
import hashlib
import json
import os
import re
import stat
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}\Z")
COLUMN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}\Z")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,79}\Z")
HASH = re.compile(r"(blake3|keyed-blake3|sha256):[0-9a-f]{64}\Z")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
# Each event: whether it needs a run, a round and a site, and the kinds of its fields.
EVENTS = {
    "GENERATION": ("", {"number": int, "reason": NAME, "log": NAME}),
    "START": ("", {"version": NAME, "binary": HASH}),
    "STOP": ("", {"version": NAME, "binary": HASH}),
    "POLICY_LOADED": ("", {"policy": HASH}),
    "DATA_READ": ("r", {"data_set": NAME, "fingerprint": HASH}),
    "BUDGET": ("", {"data_set": NAME, "epsilon": float, "delta": float, "orders": list, "carried": list}),
    "CONSENT": ("r", {"plan": HASH, "terms": dict}),
    "DECLINED": ("r", {"rule": NAME}),
    "ROUND_OFFER": ("rn", {"model": HASH, "plan": HASH}),
    "STATISTICS_OFFER": ("r", {"question": HASH}),
    "REFUSED": ("", {"rule": NAME}),
    "RESERVE": ("rn", {"data_set": NAME, "what": LABEL, "mechanism": object, "clip": float, "cost": list, "total": list}),
    "NOISED": ("rn", {"update": HASH, "bytes": int}),
    "SENT": ("rn", {"update": HASH, "bytes": int}),
    "ACKED": ("rn", {"update": HASH}),
    "RECEIVED": ("rns", {"update": HASH, "bytes": int}),
    "AGGREGATED": ("rn", {"inputs": list, "rule": NAME, "output": HASH}),
    "METRIC": ("rn", {"name": LABEL, "noised": bool, "numbers": HASH}),
    "RELEASE": ("r", {"model": HASH}),
    "KEPT": ("r", {"model": HASH}),
    "FETCHED": ("r", {"model": HASH}),
    "CARRIED": ("r", {"numbers": list}),
    "KEY_NEW": ("", {"fingerprint": HASH}),
    "KEY_ROTATED": ("", {"fingerprint": HASH}),
    "CLOCK_STEP": ("", {"by_ms": int}),
    "KILL": ("", {}),
    "RECOVERED": ("", {"file": NAME, "hash": HASH, "bytes": int}),
    "WITNESS": ("", {"peer": NAME, "checkpoint": str, "cosigned": bool}),
}
HALF_DONE_COUNTS = {"RESERVE", "NOISED", "SENT", "METRIC", "ACKED", "RELEASE", "DECLINED", "KILL", "STOP"}


class Broken(Exception):
    def __init__(self, code, why):
        super().__init__(why)
        self.code = code


def hold(rule, why, code=1):
    if not rule:
        raise Broken(code, why)


def sha256(data):
    return hashlib.sha256(data).digest()


def recover_x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x % 2 != sign else x


def point(data):
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number, p):
    found = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = add(found, p)
        p, number = add(p, p), number >> 1
    return found


BASE = (recover_x(4 * pow(5, P - 2, P) % P, 0), 4 * pow(5, P - 2, P) % P)
BASE = (BASE[0], BASE[1], 1, BASE[0] * BASE[1] % P)


def verifies(public, text, signature):
    a, r = point(public), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def read(folder, name, most):
    path = os.path.join(folder, name)
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            hold(stat.S_ISREG(os.fstat(file.fileno()).st_mode), f"{name}: no regular file", 3)
            data = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    except FileNotFoundError:
        return None
    hold(len(data) <= most, f"{name}: too long", 3)
    return data


def public_key(text):
    name, number, data = text.strip().split("+", 2)
    data = base64.b64decode(data, validate=True)
    hold(data[0] == 1 and len(data) == 33, "key: not Ed25519", 3)
    hold(sha256(name.encode() + b"\n" + data)[:4].hex() == number, "key: wrong id", 3)
    return name, bytes.fromhex(number), data[1:]


def opened(note, key):
    """The text of a note, where the key signed it."""
    try:
        text, below = note.decode().rsplit("\n\n", 1)
        hold(below.endswith("\n"), "note: no last newline", 3)
        lines = [re.fullmatch(r"— (\S+) (\S+)", line) for line in below[:-1].split("\n")]
        hold(all(lines) and len(lines) <= 100, "note: signature lines", 3)
        signatures = [(found[1], base64.b64decode(found[2], validate=True)) for found in lines]
    except (ValueError, UnicodeDecodeError):
        raise Broken(3, "note: another form")
    text += "\n"
    own = [data[4:] for name, data in signatures if (name, data[:4]) == (key[0], key[1])]
    hold(own, "note: not signed by the key", 2)
    hold(all(verifies(key[2], text.encode(), data) for data in own), "note: false signature", 2)
    return text


def is_kind(value, kind):
    if hasattr(kind, "match"):
        return isinstance(value, str) and kind.match(value) is not None
    if kind is object:
        return True
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def are_terms(found):
    kinds = {"experiment": NAME, "rounds": int, "promised": dict, "columns": list, "columns_in_all": int}
    assert {"rounds", "columns_in_all"} <= set(found) <= set(kinds)
    assert all(is_kind(found[k], kinds[k]) for k in found)
    columns, promised = found.get("columns", []), found.get("promised")
    assert len(columns) <= 200 and all(isinstance(one, str) and COLUMN.match(one) for one in columns)
    assert found["rounds"] >= 1 and len(columns) <= found["columns_in_all"]
    if promised is not None:
        assert set(promised) == {"epsilon", "delta"} and all(is_kind(one, float) for one in promised.values())
        assert promised["epsilon"] > 0 and 0 < promised["delta"] < 1
    return True


def record(line):
    try:
        found = json.loads(line, object_pairs_hook=once)
        kinds = {"v": int, "seq": int, "time": TIME, "monotonic_ms": int, "boot": NAME, "node": dict,
                 "actor": NAME, "run": NAME, "round": int, "site": NAME, "outcome": str, "reason": NAME, "event": dict}
        needed = set(kinds) - {"run", "round", "site", "reason"}
        assert needed <= set(found) <= set(kinds) and all(is_kind(found[k], kinds[k]) for k in found)
        assert found["v"] == 5 and found["outcome"] in ("ok", "refused", "failed")
        assert found["outcome"] == "ok" or "reason" in found
        assert "round" not in found or ("run" in found and found["round"] >= 1)
        assert set(found["node"]) == {"name", "role"} and found["node"]["role"] in ("site", "coordinator")
        ((event, fields),) = found["event"].items()
        needs, known = EVENTS[event]
        assert ("run" in found or "r" not in needs) and ("round" in found or "n" not in needs)
        assert "site" in found or "s" not in needs
        assert "round" not in found or event != "STATISTICS_OFFER"
        optional = {"carried", "terms"} | ({"numbers"} if event == "METRIC" else set())
        assert set(known) - optional <= set(fields) <= set(known)
        assert all(is_kind(fields[k], known[k]) for k in fields)
        assert event != "METRIC" or fields["noised"] or "numbers" not in fields
        assert event != "CARRIED" or all(is_kind(one, HASH) for one in fields["numbers"])
        assert event != "CONSENT" or "terms" not in fields or are_terms(fields["terms"])
        return found, event, fields
    except (AssertionError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Broken(3, "the line is not a record of version 5")


def millis(text):
    import datetime
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return round(moment.timestamp() * 1000)


class Machine:
    """The state machine of the records."""

    def __init__(self, log, state=None):
        self.log, self.node, self.clock, self.running = log, None, None, False
        self.opening = True
        self.accounts, self.runs = {}, {}
        if state:
            self.node = state["node"]
            clock = state["clock"]
            self.clock = [clock["boot"], clock["monotonic_ms"], millis(clock["time"])] if clock else None
            self.running, self.opening = state["work"] == "running", state["work"] == "opening"
            self.accounts = {name: (kept["orders"], kept["total"]) for name, kept in state["accounts"].items()}
            for name, kept in state["runs"].items():
                run = self.run(name)
                run.update(plan=kept["plan"], question=kept.get("question"), exact=kept["exact"], noisy=kept["noisy"])
                run["carried"].update(kept.get("carried", []))
                for number, past in kept["rounds"].items():
                    round_ = self.round(run, int(number))
                    round_.update(offered=past["offered"], reserved=dict(past["reserved"]),
                                  received=past["received"], aggregated=past["aggregated"])
                    for what in ("noised", "sent"):
                        round_[what] = tuple(past[what]) if past[what] else None

    def run(self, name):
        return self.runs.setdefault(
            name, {"plan": None, "question": None, "exact": False, "noisy": False, "rounds": {}, "carried": set()})

    def round(self, run, number):
        return run["rounds"].setdefault(number, {
            "offered": None, "reserved": {}, "noised": None, "sent": None, "received": {}, "aggregated": None})

    def take(self, found, event, fields):
        if event == "GENERATION":
            hold(self.node is None, "a second GENERATION")
            hold(fields["log"] == self.log == f"{found['node']['name']}.{fields['number']}", "GENERATION of another log")
            self.node = found["node"]
        hold(self.node is not None, "the first record is no GENERATION")
        hold(found["node"] == self.node, "another node's record")
        now = [found["boot"], found["monotonic_ms"], millis(found["time"])]
        if self.clock and event not in ("GENERATION", "START", "RECOVERED"):
            hold(now[0] == self.clock[0] and now[1] >= self.clock[1], "the process's clock")
            if event != "CLOCK_STEP":
                hold(now[2] + 1000 >= self.clock[2], "the wall clock went back")
                now[2] = max(now[2], self.clock[2])
        self.clock = now
        outcome = found["outcome"]
        if outcome == "refused" or (outcome == "failed" and event not in HALF_DONE_COUNTS):
            account = self.accounts.get(fields.get("data_set")) if event == "RESERVE" else None
            hold(account is None or account[1] == fields["total"], "a refused charge moved the total")
            return
        if event in ("RESERVE", "NOISED", "SENT", "METRIC", "AGGREGATED"):
            hold(self.running, "the node was not running")
        if event == "CARRIED":
            hold(self.opening and not self.log.endswith(".1"), "CARRIED where no log can follow another")
        if event == "START":
            self.running, self.opening = True, False
        elif event == "STOP" or (event == "KILL" and "run" not in found):
            self.running, self.opening = False, False
        elif event == "BUDGET":
            account = self.accounts.get(fields["data_set"])
            carried = fields.get("carried", [])
            hold(account is None or (account[0] == fields["orders"] and not carried), "orders changed")
            if account is None:
                self.accounts[fields["data_set"]] = (fields["orders"], carried or [0] * len(fields["orders"]))
        elif "run" in found and event not in ("REFUSED", "WITNESS"):
            self.of_run(found, event, fields)

    def of_run(self, found, event, fields):
        site = self.node["role"] == "site"
        run = self.run(found["run"])
        kept = self.round(run, found["round"]) if "round" in found else None
        if event == "CONSENT":
            hold(run["question"] in (None, fields["plan"]), "consent to another request")
            run["plan"] = fields["plan"]
        elif event == "CARRIED":
            run["carried"].update(fields["numbers"])
        elif event in ("DECLINED", "KILL"):
            run["plan"] = None
        elif event == "ROUND_OFFER":
            hold(run["plan"] in (None, fields["plan"]), "another plan")
            hold(run["question"] is None, "a round of a statistics request")
            kept["offered"] = kept["offered"] or fields["model"]
            hold(kept["offered"] == fields["model"], "offered with another model")
        elif event == "STATISTICS_OFFER":
            hold(run["plan"] in (None, fields["question"]), "another request than the one consented to")
            if run["question"] is None:
                hold(not any(one["offered"] for one in run["rounds"].values()), "a request and rounds in one run")
                run["question"] = fields["question"]
            hold(run["question"] == fields["question"], "another request under the same name")
        if site and event in ("RESERVE", "NOISED", "SENT", "METRIC"):
            hold(run["plan"] is not None, "no consent")
        if event == "RESERVE":
            self.charge(run, kept, fields)
        elif event == "NOISED":
            hold(kept["reserved"].get("update"), "noised without a charge")
            content = (fields["update"], fields["bytes"])
            kept["noised"] = kept["noised"] or content
            hold(kept["noised"] == content, "noised twice")
        elif event == "SENT":
            hold("update" in kept["reserved"], "sent without a charge")
            content = (fields["update"], fields["bytes"])
            hold(not kept["reserved"]["update"] or kept["noised"] == content, "sent what was not noised")
            kept["sent"] = kept["sent"] or content
            hold(kept["sent"] == content, "sent twice, as another")
        elif event == "ACKED":
            hold(kept["sent"] and kept["sent"][0] == fields["update"], "acknowledged what was not sent")
        elif event == "METRIC" and site and fields["noised"]:
            again = fields.get("numbers") in run["carried"]
            hold(kept["reserved"].get(fields["name"]) or again, "a metric without a charge")
        elif event == "METRIC" and site:
            run["exact"] = True
            hold(not run["noisy"], "an exact metric in a run with noise")
        elif event == "RECEIVED":
            hold(kept["offered"], "received what was not offered")
            before = kept["received"].setdefault(found["site"], fields["update"])
            hold(before == fields["update"], "received twice, as another")
        elif event == "AGGREGATED":
            sites = [one["site"] for one in fields["inputs"]]
            hold(len(set(sites)) == len(sites), "one site twice in a sum")
            hold(all(kept["received"].get(one["site"]) == one["update"] for one in fields["inputs"]), "not received")
            kept["aggregated"] = kept["aggregated"] or fields["output"]
            hold(kept["aggregated"] == fields["output"], "aggregated twice, as another")
        elif event == "RELEASE" and not site:
            made = [one["aggregated"] for one in run["rounds"].values()]
            hold(fields["model"] in made, "released what was not aggregated")

    def charge(self, run, kept, fields):
        noises, free = fields["mechanism"] != "clip-only", not any(fields["cost"])
        hold(fields["what"] not in kept["reserved"], "charged twice")
        hold(noises != free, "the cost does not fit the mechanism")
        kept["reserved"][fields["what"]] = noises
        run["noisy"] |= noises
        hold(not (run["noisy"] and run["exact"]), "an exact metric in a run with noise")
        account = self.accounts.get(fields["data_set"])
        if account is None:
            hold(free and not any(fields["total"]), "no budget")
            return
        orders, total = account
        hold(len(fields["cost"]) == len(orders), "not one cost an order")
        sums = [one + other for one, other in zip(total, fields["cost"])]
        hold(sums == fields["total"] and max(sums) < 2**64, "the total is not the sum")
        self.accounts[fields["data_set"]] = (orders, sums)


def verify(folder, key):
    key = public_key(key)
    note = read(folder, "checkpoint", 16384)
    hold(note is not None, "no checkpoint", 2)
    lines = opened(note, key).split("\n")
    hold(len(lines) == 4 and re.fullmatch(r"0|[1-9]\d*", lines[1]), "checkpoint: another form", 3)
    hold(lines[0] == key[0], "checkpoint of another log", 2)
    size, root = int(lines[1]), base64.b64decode(lines[2])
    hold(size <= 2**53, "checkpoint: size", 3)
    first, seq, peaks, machine = 1, 0, [], Machine(key[0])
    note = read(folder, "archived", 128 << 20)
    if note is not None:
        lines = opened(note, key).split("\n")
        hold(lines[:2] == ["consilium-archived/v1", key[0]], "archived: another kind", 2)
        first, seq = int(lines[2]) + 1, int(lines[3])
        hold(seq <= size, "the checkpoint is older than what was archived", 2)
        bits = [1 << bit for bit in reversed(range(seq.bit_length())) if seq >> bit & 1]
        peaks = [(leaves, base64.b64decode(line)) for leaves, line in zip(bits, lines[4:])]
        machine = Machine(key[0], json.loads(lines[4 + len(bits)]))
    numbers = sorted(int(name[:-6]) for name in os.listdir(folder) if re.fullmatch(r"\d{6,}\.jsonl", name))
    numbers = [number for number in numbers if number >= first]
    hold(numbers and numbers == list(range(first, first + len(numbers))), "a segment is missing", 2)
    trouble, met = None, None
    for number in numbers:
        data = read(folder, f"{number:06}.jsonl", 1 << 40)
        parts = data.split(b"\n")
        if parts.pop():
            hold(seq + len(parts) >= size, "signed lines are cut", 2)
            trouble = trouble or Broken(3, "the last line is torn")
        for line in parts:
            seq += 1
            node = (1, sha256(b"\0" + line))
            while peaks and peaks[-1][0] == node[0]:
                node = (2 * node[0], sha256(b"\1" + peaks.pop()[1] + node[1]))
            peaks.append(node)
            if seq == size:
                met = fold(peaks)
            if trouble is None:
                try:
                    found, event, fields = record(line)
                    hold(found["seq"] == seq, "not numbered by its place", 2)
                    machine.take(found, event, fields)
                except Broken as broken:
                    trouble = broken
    if size == (0 if not peaks else seq):
        met = fold(peaks)
    hold(seq >= size, "records are missing at the end", 2)
    hold(met == root, "the records are not those that were signed", 2)
    if trouble:
        raise trouble
    return f"sound {key[0]}: {seq} records, {size} of them signed"


def fold(peaks):
    found = peaks[-1][1] if peaks else sha256(b"")
    for _, peak in reversed(peaks[:-1]):
        found = sha256(b"\1" + peak + found)
    return found


if __name__ == "__main__":
    try:
        print(verify(sys.argv[1], sys.argv[2]))
    except Broken as broken:
        print(f"exit {broken.code}: {broken}")
        sys.exit(broken.code)
