import base64, glob, hashlib

sha = lambda data: hashlib.sha256(data).digest()
origin, size, root = open("checkpoint", encoding="utf-8").read().split("\n")[:3]

peaks = []  # (leaves below it, hash) of complete subtrees, largest first
lines = (line for file in sorted(glob.glob("[0-9]*.jsonl")) for line in open(file, "rb"))
for _, line in zip(range(int(size)), lines):
    node = (1, sha(b"\0" + line[:-1]))
    while peaks and peaks[-1][0] == node[0]:
        node = (2 * node[0], sha(b"\1" + peaks.pop()[1] + node[1]))
    peaks.append(node)

found = peaks.pop()[1]
while peaks:
    found = sha(b"\1" + peaks.pop()[1] + found)
same = base64.b64encode(found).decode() == root
print(origin, size, "records:", "as signed" if same else "NOT as signed")
