"""`python -m benchmarks.requests`: count, print, write results."""

from __future__ import annotations

from benchmarks import report
from benchmarks.machine import machine
from benchmarks.question import Options, progress
from benchmarks.requests import question


def main() -> None:
    """Answer this question alone."""
    before = machine()
    result = question.run(Options(backend="dynamodb-local", turns=question.TURNS))
    print(question.as_text(result.counted), flush=True)
    written = report.write(report.as_json(result, "python -m benchmarks.requests", before), report.RESULTS)
    progress(f"written to {written.name}")


if __name__ == "__main__":
    main()
