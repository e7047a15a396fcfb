"""What is wrong with an input, a state or a file is an exception in the words of the command line, and
the model is as good as before; never a crash."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import os
import shutil
import subprocess
import threading
import warnings
from pathlib import Path

import numpy as np
import pome

ONES = np.ones((2, 3), np.float32)
GOOD = {"x": ONES, "y": ONES}
FOLIO = support.ROOT / "models/folio"


class Hostile:
    """Says of itself that it is an array, and is none."""

    shape = (2, 3)
    dtype = np.dtype("float32")

    def __array__(self, *_, **__):
        raise ValueError("not today")


class BadInput(support.Folder):
    def setUp(self):
        super().setUp()
        self.path = self.program(support.ADD)
        self.model = pome.Model(self.path)

    def refused(self, inputs, text, status="INPUT", **more):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with self.assertRaisesRegex(pome.PomeError, text) as caught:
                self.model.predict(inputs, **more)
        self.assertEqual(caught.exception.status, status)
        self.assertEqual(self.model.predict(GOOD)["sum"].tolist(), (ONES * 2).tolist())
        return caught.exception

    def test_names(self):
        self.refused({"x": ONES}, '^input "y" is missing$')
        self.refused({}, '^input "x" is missing$')
        self.refused({**GOOD, "z": ONES}, '^no input is named "z"; the inputs are: x, y$')
        self.refused({**GOOD, "x\0z": ONES}, "no input is named")
        self.refused({**GOOD, 7: ONES}, 'no input is named "7"')
        self.refused([ONES, ONES], "inputs is a list; values by the names", "USAGE")
        self.refused(None, "inputs is a NoneType", "USAGE")
        self.refused(GOOD, "no function", function="other")
        self.refused(GOOD, "no function", function="main\0")

    def test_shapes(self):
        self.refused({**GOOD, "y": np.ones((3, 2))}, r'input "y" has shape \[3, 2\]; allowed is \[2, 3\]')
        self.refused({**GOOD, "y": np.ones((0, 3))}, r"\[0, 3\]")
        self.refused({**GOOD, "y": np.ones((2, 0))}, r"\[2, 0\]")
        self.refused({**GOOD, "y": np.ones(())}, "has shape")
        self.refused({**GOOD, "y": 1}, "has shape")
        self.refused({**GOOD, "y": np.ones((1,) * 9)}, "rank 9; at most 8 is allowed")
        self.refused({**GOOD, "y": [[1, 2, 3], [4]]}, "array|NoneType|list")
        huge = np.lib.stride_tricks.as_strided(ONES, (2**30, 2**30), (0, 0), writeable=False)
        self.refused({**GOOD, "y": huge}, r"\[1073741824, 1073741824\]")

    def test_types(self):
        for value, text in (
            (np.ones((2, 3), complex), "complex128"),
            (np.ones((2, 3), "M8[s]"), "datetime64"),
            (np.ones((2, 3), [("a", "f4")]), "array of"),
            (np.full((2, 3), "a"), '"y" is string where fp32 is wanted'),
            (np.full((2, 3), b"a"), "string"),
            (np.full((2, 3), None), "holds a NoneType"),
            (np.full((2, 3), 0.5, object), "holds a float"),
            (
                np.full((2, 3), 2**70),
                'input "y" holds 1180591620717411303424, which 64 bits do not hold',
            ),
            (np.full((2, 3), 10**5000), "holds an integer of 16610 bits, which 64 bits"),
            (np.full((2, 3), "\ud800", object), "no Unicode"),
            (np.full((2, 3), 2**60 + 1), '"y" holds 1152921504606846977, which fp32 cannot hold'),
            (Hostile(), "makes no array: not today"),
            (object(), "holds a object"),
            ({}, "holds a dict"),
            (b"bytes", "shape|string"),
        ):
            self.refused({**GOOD, "y": value}, text)

    def test_integers(self):
        self.model = pome.Model(self.program(support.HALF, "half.mil"))
        good = {"x": np.ones(4), "i": np.arange(4)}
        for value, text in (
            (np.full(4, np.nan), '"i" holds nan, which int32 cannot hold exactly'),
            (np.full(4, np.inf), '"i" holds inf, which int32 cannot hold exactly'),
            (np.full(4, 0.5), '"i" holds 0.5, which int32 cannot hold exactly'),
            (np.full(4, 2**40), '"i" holds 1099511627776, which int32 cannot hold exactly'),
            (np.full(4, 2**63, np.uint64), "9223372036854775808"),
        ):
            with self.assertRaisesRegex(pome.PomeError, text):
                self.model.predict({**good, "i": value})
        self.assertEqual(self.model.predict(good)["next"].tolist(), [0, 2, 4, 6])
        inexact = self.model.predict({**good, "x": np.full(4, 1e9)})["twice"]
        self.assertTrue(np.isinf(inexact).all())

    def test_layouts_that_are_good(self):
        base = np.arange(6, dtype=np.float32)
        row = base.reshape(2, 3)
        packed = np.zeros(6, dtype=[("a", "i1"), ("b", "<f4")])
        packed["b"] = base
        read_only = np.frombuffer(row.tobytes(), np.float32).reshape(2, 3)
        layouts = {
            "Fortran": np.asfortranarray(row),
            "transposed": np.ascontiguousarray(row.T).T,
            "reversed": np.ascontiguousarray(row[::-1, ::-1])[::-1, ::-1],
            "every second": np.repeat(row, 2, axis=1)[:, ::2],
            "broadcast": np.broadcast_to(np.float32(3), (2, 3)),
            "unaligned fields": packed["b"].reshape(2, 3),
            "other byte order": row.astype(">f4"),
            "a list": row.tolist(),
            "read only": read_only,
            "a matrix": np.asmatrix(row),
            "in a file": np.memmap(self.folder / "map", np.float32, "w+", shape=(2, 3)),
            "bool": row > 2,
        }
        for name, layout in layouts.items():
            result = self.model.predict({"x": layout, "y": np.zeros((2, 3))})["sum"]
            self.assertEqual(result.tolist(), np.asarray(layout, np.float32).tolist(), name)
        self.assertEqual(read_only.tolist(), row.tolist())

    def test_empty_arrays_where_they_are_allowed(self):
        model = pome.Model(self.program(support.ADD.replace("[2, 3]", "[0, 3]"), "empty.mil"))
        for copy in (True, False):
            empty = model.predict({"x": ONES[:0], "y": np.ones((0, 3))}, copy=copy)["sum"]
            self.assertEqual((empty.shape, empty.dtype), ((0, 3), np.float32))

    def test_nothing_is_left_of_a_refused_prediction(self):
        for _ in range(3):
            self.refused({"y": ONES * 7, "x": np.ones((3, 2))}, "has shape")
            self.refused({"x": ONES}, '"y" is missing')

    def test_options(self):
        for options, text in (
            ({"numerics": "sloppy"}, "unknown numerics 'sloppy'; allowed are fast, strict, wide"),
            ({"threads": -1}, "threads is -1; 0 .* to 1024 are allowed"),
            ({"threads": 2**40}, "threads is 1099511627776"),
            ({"threads": "two"}, "threads is 'two'"),
            ({"device": "cpu\0ref"}, "device is .* no NUL is allowed"),
            ({"device": 7}, "device is 7, which is no text"),
            ({"isa": "\ud800"}, "isa is .* which is no text"),
        ):
            with self.assertRaisesRegex(pome.PomeError, text) as caught:
                pome.Model(self.path, **options)
            self.assertEqual(caught.exception.status, "USAGE")
        for options in ({"device": "abacus"}, {"isa": "z80"}):
            with self.assertRaisesRegex(pome.PomeError, "known are"):
                pome.Model(self.path, **options).compile()
        with self.assertRaisesRegex(pome.PomeError, "no NUL"):
            pome.Model(self.path + "\0.mil")
        for spec in (5, "text", [1]):
            with self.assertRaises(TypeError):
                pome.Model.from_memory(spec)

    def test_the_words_of_the_command_line(self):
        program = Path(os.environ.get("POME_LIBRARY", "")).parent / "pome"
        if not program.is_file():
            self.skipTest("no program pome beside the library")
        cases = (
            ({"x": np.ones((3, 2), np.float32), "y": ONES}, {}),
            ({"x": ONES}, {}),
            ({**GOOD, "z": ONES}, {}),
            ({**GOOD, "y": np.full((2, 3), 2**60 + 1)}, {}),
            ({**GOOD, "y": np.full((2, 3), "a")}, {}),
            (GOOD, {"device": "abacus"}),
            (GOOD, {"device": "cuda"}),
        )
        for inputs, options in cases:
            np.savez(self.folder / "in.npz", **inputs)
            line = [program, "predict", self.path, "--inputs", self.folder / "in.npz"]
            line += [f"--{name}={value}" for name, value in options.items()]
            told = subprocess.run(line, capture_output=True, text=True).stderr
            with self.assertRaises(pome.PomeError) as caught:
                pome.Model(self.path, **options).predict(inputs)
            self.assertEqual(f"pome: {caught.exception}\n", told)


class States(support.Folder):
    def setUp(self):
        super().setUp()
        self.model = pome.Model(self.program(support.COUNTER))
        self.x = {"x": np.ones(4)}

    def refused(self, state, text, status="USAGE"):
        with self.assertRaisesRegex(pome.PomeError, text) as caught:
            self.model.predict(self.x, state)
        self.assertEqual(caught.exception.status, status)
        good = self.model.make_state()
        self.assertEqual(self.model.predict(self.x, good)["now"].tolist(), [1] * 4)

    def test_wrong_states(self):
        self.refused(None, 'has state "total": a state is needed')
        self.refused(7, r"state is a int; make_state\(\) makes one")
        larger = support.COUNTER.replace("[4]", "[8]")
        other = support.COUNTER.replace("total", "sum")
        for text, why in ((larger, "holds tensor<fp16, "), (other, 'no state is named "total"')):
            foreign = pome.Model(self.program(text, "other.mil")).make_state()
            self.refused(foreign, why, "USAGE" if "holds" in why else "INPUT")

    def test_closed(self):
        state = self.model.make_state()
        with state:
            self.model.predict(self.x, state)
        self.refused(state, "the state is closed")
        for use in (state.reset, state.clone, lambda: state.read("total"), lambda: state.names):
            with self.assertRaisesRegex(pome.PomeError, "the state is closed"):
                use()
        self.assertEqual(repr(state), "<pome.State, closed>")
        state.close()

    def test_reading_and_writing(self):
        state = self.model.make_state()
        for name in ("other", "total\0"):
            with self.assertRaisesRegex(pome.PomeError, "no state is named|no NUL"):
                state.read(name)
            with self.assertRaisesRegex(pome.PomeError, "no state is named|no NUL"):
                state.write(name, np.ones(4))
        for value in (np.ones(5), np.full(4, "a"), np.ones(4, complex), None):
            with self.assertRaises(pome.PomeError):
                state.write("total", value)
        self.assertEqual(state.read("total").tolist(), [0] * 4)

    def test_a_closed_model(self):
        state = self.model.make_state()
        function = self.model.function()
        result = self.model.predict(self.x, state, copy=False)["now"]
        self.model.close()
        uses = (
            lambda: self.model.predict(self.x, state),
            lambda: self.model.make_state(),
            lambda: self.model.mil(),
            lambda: self.model.metadata,
            lambda: self.model.save(self.folder / "x.mlpackage"),
            lambda: function.operations,
            lambda: function.plan_devices,
        )
        for use in uses:
            with self.assertRaisesRegex(pome.PomeError, "the model is closed") as caught:
                use()
            self.assertEqual(caught.exception.status, "USAGE")
        self.assertEqual((result.tolist(), state.read("total").tolist()), ([1] * 4, [1] * 4))
        self.model.close()


class Ports(support.Folder):
    """Images, in a model of the optional data folder."""

    def model(self, name):
        path = support.SHARED / "zoo" / name
        if not path.exists():
            self.skipTest("no data folder: POME_SHARED or ../shared beside the checkout")
        return pome.Model(path / "model.mlpackage")

    def test_images(self):
        model = self.model("image_to_image_ios15_fp16")
        (port,) = model.inputs.values()
        height, width = port.shape
        good = np.zeros((height, width, 3), np.uint8)
        for bad, text in (
            (good[:-1], "size|allowed"),
            (good.astype(np.float64), "image|uint8|pixels"),
            (good[:, :, 0], "gray|color|image"),
            (np.zeros((height, width, 5), np.uint8), "shape|rank|image"),
            ("picture.png", "shape"),
            (None, "NoneType|shape"),
        ):
            with self.assertRaisesRegex(pome.PomeError, text):
                model.predict({port.name: bad})
        self.assertEqual(len(model.predict({port.name: good[:, ::-1]})), 1)


class Files(support.Folder):
    def package(self):
        copy = self.folder / "copy.mlpackage"
        shutil.copytree(FOLIO / "model.mlpackage", copy)
        (weights,) = copy.glob("Data/*/weights/weight.bin")
        return copy, weights

    def predict(self, model):
        inputs = dict(np.load(FOLIO / "golden/inputs_1.npz"))
        return model.predict(inputs, model.make_state("prefill"), "prefill")

    def test_gone_before_and_after_opening(self):
        package, _ = self.package()
        model = pome.Model(package)
        expected = self.predict(model)["logits"]
        model = pome.Model(package)
        shutil.rmtree(package)
        self.assertEqual(self.predict(model)["logits"].tolist(), expected.tolist())
        with self.assertRaisesRegex(pome.PomeError, "no such file or folder"):
            pome.Model(package)

    def test_no_weights(self):
        package, weights = self.package()
        weights.unlink()
        model = pome.Model(package)
        with self.assertRaisesRegex(pome.PomeError, "weight file .* is missing"):
            self.predict(model)

    def test_cut_before_opening(self):
        package, weights = self.package()
        whole = weights.read_bytes()
        for size in (0, 1, 63, 64, 100, len(whole) // 2, len(whole) - 1):
            weights.write_bytes(whole[:size])
            with self.assertRaises(pome.PomeError):
                self.predict(pome.Model(package))

    def test_cut_while_open(self):
        """Whatever is read then is checked first; with copy=True nothing is missing."""
        package, weights = self.package()
        whole = weights.read_bytes()
        for size in (0, 1000, len(whole) // 2):
            weights.write_bytes(whole)
            mapped, used, copied = (
                pome.Model(package),
                pome.Model(package),
                pome.Model(package, copy=True),
            )
            self.predict(used)
            os.truncate(weights, size)
            self.assertEqual(self.predict(copied)["logits"].shape, (1, 1, 1024))
            for model in (mapped, used):
                with self.assertRaisesRegex(pome.PomeError, "the file has shrunk to") as caught:
                    self.predict(model)
                self.assertEqual(caught.exception.status, "IO")

    def test_bytes_that_are_no_model(self):
        for spec in (b"", b"\xff" * 100, bytearray(100), memoryview(b"\x08\x09")):
            with self.assertRaises(pome.PomeError):
                pome.Model.from_memory(spec)
        package, weights = self.package()
        (spec,) = package.glob("Data/*/model.mlmodel")
        model = pome.Model.from_memory(spec.read_bytes(), bytearray(weights.read_bytes()))
        self.assertEqual(self.predict(model)["logits"].shape, (1, 1, 1024))
        with self.assertRaises(pome.PomeError):
            self.predict(pome.Model.from_memory(spec.read_bytes(), b"short"))


class AnyThread(support.Folder):
    def test_made_here_used_there(self):
        model = pome.Model(self.program(support.COUNTER))
        state = model.make_state()
        outcome = []

        def use():
            outcome.append(model.predict({"x": np.ones(4)}, state)["now"].tolist())
            try:
                model.predict({"x": np.ones(5)}, state)
            except pome.PomeError as error:
                outcome.append(str(error))

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        self.assertEqual(outcome, [[1] * 4, 'input "x" has shape [5]; allowed is [4]'])
        self.assertEqual(model.predict({"x": np.ones(4)}, state)["now"].tolist(), [2] * 4)


if __name__ == "__main__":
    support.main()
