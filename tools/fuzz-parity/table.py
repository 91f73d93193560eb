"""What was found: one entry for each comparison and refusal. The entries of a case go into the journal as one line of JSON when the
case is done, so that a run that was stopped goes on behind the last whole case; the table is made from the entries alone."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

FORWARD, EDITS, EXPORTED = "forward", "edits of a plan", "exported"


class Journal:
    def __init__(self, path: Path | None, setting, wanted):
        """`setting` is what results follow from besides a case; a journal of another one is refused. Of its cases, `wanted` count."""
        self.path, self.setting, self.cases, self.entries = path, setting, {}, []
        if path and path.exists():
            for line in path.read_text().splitlines():
                try:
                    told = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the line during which the run was stopped
                if told["setting"] != setting:
                    raise SystemExit(f"{path} is of a run with {told['setting']}, not {setting}")
                if (told["family"], told["index"]) in wanted:
                    self.cases[told["family"], told["index"]] = told["entries"]

    def has(self, family, index):
        return (family, index) in self.cases

    def add(self, **entry):
        self.entries.append(entry)

    def end_case(self, family, index):
        self.cases[family, index], self.entries = self.entries, []
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            line = dict(setting=self.setting, family=family, index=index, entries=self.cases[family, index])
            # A line that a stop cut short stays alone on its line.
            with self.path.open("a+") as file:
                file.seek(0)
                broken = file.read()[-1:] not in ("", "\n")
                file.write(("\n" if broken else "") + json.dumps(line) + "\n")

    def all(self):
        for (family, _), entries in self.cases.items():
            for entry in entries:
                yield family, entry

    def failures(self):
        return [entry["failure"] for _, entry in self.all() if "failure" in entry]

    def text(self):
        models, count, worst = Counter(family for family, _ in self.cases), Counter(), defaultdict(float)
        refused, reasons, excused = Counter(), Counter(), defaultdict(list)
        for family, entry in self.all():
            if "error" in entry:
                key = family, entry["engine"], entry["what"]
                count[key] += 1
                if "excused" in entry:
                    excused[family, entry["excused"]].append(entry)
                else:
                    worst[key] = max(worst[key], entry["error"])
            if "refusal" in entry:
                refused[family, entry["engine"]] += 1
                # Sizes differ from case to case.
                reasons[family, entry["refusal"], re.sub(r"\b\d+\b", "N", entry["diffusers"])] += 1
        kinds = (FORWARD, EDITS, EXPORTED)
        lines = [
            "| family | engine | models | runs | forwards: worst error | edits of a plan | exported folders | refused |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
        ]
        for family, engine in sorted({key[:2] for key in count} | {key for key in refused if key[1] != "all"}):
            runs = sum(count[family, engine, kind] for kind in kinds)
            errors = [f"{worst[family, engine, kind]:.1e}" if count[family, engine, kind] else "–" for kind in kinds]
            lines.append(f"| {' | '.join(map(str, [family, engine, models[family], runs, *errors, refused[family, engine]]))} |")
        lines += ["", "| family | refused | diffusers | runs |", "|---|---|---|---:|"]
        lines += [f"| {' | '.join(key)} | {number} |" for key, number in sorted(reasons.items())]
        lines += ["", "| family | above 2e-4 and explained | runs | largest | with the explanation |", "|---|---|---:|---:|---:|"]
        for (family, why), entries in sorted(excused.items()):
            largest, left = (max(entry[key] for entry in entries) for key in ("error", "left"))
            lines.append(f"| {family} | {why} | {len(entries)} | {largest:.1e} | {left:.1e} |")
        failures = self.failures()
        lines += ["", f"{sum(models.values())} models, {sum(count.values())} runs, {len(failures)} failures", *failures]
        return "\n".join(lines)
