"""The texts that scripts in `reproduce/` are made of."""

__all__ = ["AS_TYPE", "BUILD", "CHECK", "HEAD", "LOAD_FROM", "LOAD_YOURSELF", "PLAIN_LOAD", "VIEW_LOAD"]

HEAD = '''"""{title}

    python {script}

{ended}
"""

import tempfile
import time
from pathlib import Path

{imports}

HERE = Path(__file__).resolve().parent
SAMPLES = range({samples})
TOOL = {tool}
SIGNATURE = {signature}


def load(folder, sample, specs):
    """Return the stored arrays of one sample by name."""
    return {{
        spec.name: {load}
        for place, spec in enumerate(specs)
    }}

{functions}
def make_model():
    return {model}


{action}


if __name__ == "__main__":
    main()
'''

PLAIN_LOAD = 'np.load(HERE.parent / "samples" / folder / f"{sample}-{place}.npy", allow_pickle=False)'

VIEW_LOAD = f"as_type({PLAIN_LOAD}, spec.dtype)"

AS_TYPE = '''
def as_type(array, dtype):
    """Return the array with its type back: .npy files do not name types that NumPy lacks."""
    import ml_dtypes

    return array.view(getattr(ml_dtypes, dtype)) if array.dtype.kind == "V" else array

'''

LOAD_YOURSELF = '''
def load_model():
    """Return the model, as you gave it to navcore. Fill this in."""
    raise SystemExit(f"{__file__}: the run had the model in memory; make load_model() return it, then run this again")

'''

LOAD_FROM = '''
def load_model():
    """Return the model from where the run had it; a class, or a function without arguments, makes it."""
    import importlib
    import inspect
    import operator
    import sys

    sys.path.insert(0, {folder})
    found = operator.attrgetter({attribute})(importlib.import_module({module}))
    makes = inspect.isclass(found) or (inspect.isfunction(found) and not inspect.signature(found).parameters)
    return found() if makes else found

'''

BUILD = """def main():
    out = Path(tempfile.mkdtemp(prefix="reproduce-")) / {name}
    start = time.perf_counter()
    signature = TOOL.write(make_model(), out)
    print(f"wrote {{out}} in {{time.perf_counter() - start:.2f}} s")
    for side in (signature.inputs, signature.outputs):
        print(*(f"{{spec.name}}: {{spec.dtype}}{{list(spec.shape)}}" for spec in side), sep=", ")

"""

CHECK = '''def difference(got, expected):
    """Return the largest absolute difference; equal infinities do not differ."""
    if got.shape != expected.shape:
        return f"the shape should be {{expected.shape}}"
    wide = complex if np.iscomplexobj(expected) else float
    with np.errstate(invalid="ignore"):
        return np.max(np.where(got == expected, 0, np.abs(got.astype(wide) - expected.astype(wide))), initial=0)


def main():
    with TOOL.open(make_model(), {device}) as infer:
        for sample in SAMPLES:
            feeds = load("inputs", sample, SIGNATURE.inputs)
            expected = load("outputs", sample, SIGNATURE.outputs)
            for name, got in infer(feeds).items():
                print(f"sample {{sample}}: {{name}} {{got.shape}}, max difference {{difference(got, expected[name])}}")
        times_ms = []
        for _ in range(10):
            start = time.perf_counter()
            infer(feeds)
            times_ms.append((time.perf_counter() - start) * 1000)
        print(f"10 calls of the last sample: median {{np.median(times_ms):.3f}} ms")
'''
