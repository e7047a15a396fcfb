"""Models from Python: what goes in and comes out, what is refused and how, threads, forks."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import ctypes
import gc
import os

import numpy as np
import pome
from pome import _abi, _arrays
from pome._library import call, library
from pome.model import _bind_all, _tensor_result

ONES = np.ones((2, 3), np.float32)


class Opening(support.Folder):
    def test_missing(self):
        with self.assertRaises(pome.PomeError) as caught:
            pome.Model(self.folder / "none.mlpackage")
        self.assertEqual(caught.exception.status, "INPUT")
        self.assertIn("none.mlpackage", str(caught.exception))
        self.assertIsInstance(caught.exception, RuntimeError)

    def test_broken(self):
        with self.assertRaises(pome.PomeError) as caught:
            pome.Model(self.program("program(1.3)\n{\n  nonsense"))
        self.assertEqual(caught.exception.line, 3)

    def test_deleted_after_opening(self):
        path = self.program(support.ADD)
        model = pome.Model(path)
        os.remove(path)
        self.assertEqual(model.predict({"x": ONES, "y": ONES})["sum"].tolist(), (ONES * 2).tolist())
        with self.assertRaises(pome.PomeError):
            pome.Model(path)

    def test_bytes_that_are_no_model(self):
        with self.assertRaises(pome.PomeError):
            pome.Model.from_memory(b"\xff" * 100)

    def test_path_or_spec(self):
        for arguments in ({}, {"path": "x", "spec": b""}):
            with self.assertRaises(pome.PomeError) as caught:
                pome.Model(**arguments)
            self.assertEqual(caught.exception.status, "USAGE")

    def test_options(self):
        path = self.program(support.ADD)
        for device in ("ref", "cpu", "auto"):
            for numerics in ("fast", "strict", "wide"):
                model = pome.Model(path, device=device, numerics=numerics, threads=1, copy=True)
                self.assertEqual(model.predict({"x": ONES, "y": ONES})["sum"][0, 0], 2)
        self.assertEqual(pome.Model(path, device="ref").function().plan_devices[0].name, "ref")
        with self.assertRaises(pome.PomeError):
            pome.Model(path, device="abacus").compile()
        with self.assertRaises(pome.PomeError):
            pome.Model(path, numerics="sloppy")

    def test_closed(self):
        model = pome.Model(self.program(support.COUNTER))
        state = model.make_state()
        model.close()
        with self.assertRaises(pome.PomeError):
            model.predict({"x": np.ones(4)}, state)
        self.assertEqual(state.read("total").tolist(), [0, 0, 0, 0])


class Inspecting(support.Folder):
    def test_ports_and_program(self):
        model = pome.Model(self.program(support.HALF))
        self.assertEqual(list(model.functions), ["main"])
        self.assertEqual(model.container, "mil")
        self.assertEqual(model.inputs["x"].dtype, "fp16")
        self.assertEqual(model.inputs["x"].shape, (4,))
        self.assertEqual(model.outputs["next"].numpy_dtype, np.int32)
        self.assertEqual([(op.type, op.count) for op in model.function().operations], [("add", 2)])
        self.assertIn("func main<ios18>", model.mil())

    def test_body_and_trace(self):
        model = pome.Model(self.program(support.ADD))
        body = model.function().body
        self.assertEqual(
            [(op.type, op.inputs, op.outputs) for op in body],
            [("add", ("x", "y"), ("sum",)), ("mul", ("x", "y"), ("product",))],
        )
        traced = model.trace({"x": ONES * 3, "y": ONES * 2})
        self.assertEqual({k: float(v[0, 0]) for k, v in traced.items()}, {"sum": 5, "product": 6})
        self.assertEqual(list(model.trace({"x": ONES, "y": ONES}, ["x"])), ["x"])
        with self.assertRaises(pome.PomeError):
            model.trace({"x": ONES, "y": ONES}, ["nothing"])

    def test_unknown_function(self):
        model = pome.Model(self.program(support.ADD))
        with self.assertRaisesRegex(pome.PomeError, "its functions are: main"):
            model.function("other")

    def test_devices(self):
        found = {device.name: device for device in pome.devices()}
        self.assertTrue(found["ref"].available)
        self.assertTrue(found["cpu"].available)

    def test_save(self):
        model = pome.Model(self.program(support.ADD))
        package = self.folder / "saved.mlpackage"
        model.save(package)
        again = pome.Model(package)
        self.assertEqual(again.container, "mlpackage")
        self.assertEqual(again.predict({"x": ONES, "y": ONES})["product"].tolist(), ONES.tolist())
        with self.assertRaises(pome.PomeError):
            model.save(package)
        model.save(package, replace=True)

    def test_memory(self):
        package = self.folder / "saved.mlpackage"
        pome.Model(self.program(support.ADD)).save(package)
        spec = (package / "Data/com.apple.CoreML/model.mlmodel").read_bytes()
        model = pome.Model.from_memory(spec)
        del spec
        gc.collect()
        self.assertEqual(model.predict({"x": ONES, "y": ONES})["sum"][1, 2], 2)


class Predicting(support.Folder):
    def setUp(self):
        super().setUp()
        self.model = pome.Model(self.program(support.ADD))

    def refused(self, inputs, text, **more):
        with self.assertRaisesRegex(pome.PomeError, text):
            self.model.predict(inputs, **more)
        self.assertEqual(self.model.predict({"x": ONES, "y": ONES})["sum"][0, 0], 2)

    def test_refused(self):
        self.refused({"x": ONES}, 'input "y" is missing')
        self.refused({}, "is missing")
        self.refused({"x": ONES, "z": ONES}, 'no input is named "z"; the inputs are: x, y')
        self.refused({"x": ONES, "y": np.ones((3, 2))}, r"\[3, 2\].*\[2, 3\]")
        self.refused({"x": ONES, "y": np.ones((2, 3), complex)}, "complex128")
        self.refused({"x": ONES, "y": np.ones((2, 3), "M8[s]")}, "datetime64")
        self.refused({"x": ONES, "y": np.full((2, 3), "a")}, "string")
        self.refused({"x": ONES, "y": np.full((2, 3), None)}, "NoneType")
        self.refused({"x": ONES, "y": [[1, 2, 3], [4]]}, "array|NoneType|list")
        self.refused({"x": ONES, "y": np.ones((1,) * 9)}, "rank 9")
        self.refused({"x": ONES, "y": np.ones((0, 3))}, r"\[0, 3\]")
        self.refused({"x": ONES, "y": ONES}, "make_state", state=7)
        self.refused({"x": ONES, "y": ONES}, "no function", function="other")

    def test_types_convert_when_no_value_changes(self):
        model = pome.Model(self.program(support.HALF))
        good = {"x": [1, 2, 3, 4.5], "i": np.arange(4, dtype=np.int64)}
        self.assertEqual(model.predict(good)["next"].tolist(), [0, 2, 4, 6])
        self.assertEqual(model.predict(good)["twice"].dtype, np.float16)
        for bad in ([0.5] * 4, np.full(4, 2**40)):
            with self.assertRaisesRegex(pome.PomeError, '"i" holds'):
                model.predict({"x": np.ones(4), "i": bad})

    def test_layouts(self):
        base = np.arange(6, dtype=np.float32)
        row = base.reshape(2, 3)
        packed = np.zeros(6, dtype=[("a", "i1"), ("b", "<f4")])
        packed["b"] = base
        layouts = {
            "Fortran": np.asfortranarray(row),
            "transposed": np.ascontiguousarray(row.T).T,
            "reversed": np.ascontiguousarray(row[::-1, ::-1])[::-1, ::-1],
            "every second": np.repeat(row, 2, axis=1)[:, ::2],
            "broadcast": np.broadcast_to(np.float32(3), (2, 3)),
            "unaligned fields": packed["b"].reshape(2, 3),
            "other byte order": row.astype(">f4"),
            "a list": row.tolist(),
            "read only": np.frombuffer(row.tobytes(), np.float32).reshape(2, 3),
        }
        for name, layout in layouts.items():
            result = self.model.predict({"x": layout, "y": np.zeros((2, 3))})["sum"]
            self.assertEqual(result.tolist(), np.asarray(layout, np.float32).tolist(), name)

    def test_arrays_are_lent_not_copied(self):
        array = np.ones((4, 6), np.float32)[::2, ::-1]
        self.assertEqual(_arrays.lend(array, "x").tensor.data, array.ctypes.data)

    def test_c_reads_and_writes_where_the_arrays_are(self):
        """An array that changes after it was bound changes what is predicted, and takes no memory of
        the run; one of another type or order is copied. A result that is lent lies in the run."""
        model = pome.Model(self.program(support.HALF))
        array, whole = np.ones(4, np.float16), np.zeros(4, np.int32)
        lease = model._lease("main")
        run, size = lease.run.address, library().pome_run_bytes
        empty = size(run)
        kept = [_bind_all(run, model.function(), {"x": array, "i": whole})]
        self.assertEqual(size(run), empty)
        array[:] = [1, 2, 3, 4]
        model._run(lease.run, None)
        result = _tensor_result(lease, "twice", copy=False)
        self.assertEqual(result.tolist(), [2, 4, 6, 8])
        tensor = _abi.Tensor()
        call("pome_run_get_tensor", run, b"twice", ctypes.byref(tensor))
        self.assertEqual(result.ctypes.data, tensor.data)
        reverse = np.ones(8, np.float16)[::-2]
        kept.append(_bind_all(run, model.function(), {"x": reverse, "i": whole}))
        self.assertGreater(size(run), empty)
        reverse[:] = 7
        model._run(lease.run, None)
        self.assertEqual(_tensor_result(lease, "twice", copy=True).tolist(), [2, 2, 2, 2])

    def test_results_outlive_everything(self):
        for copy in (True, False):
            first = self.model.predict({"x": ONES, "y": ONES}, copy=copy)["sum"]
            second = self.model.predict({"x": ONES, "y": ONES * 5}, copy=copy)["sum"]
            self.assertEqual((first[0, 0], second[0, 0]), (2, 6))
            self.assertEqual(first.flags.writeable, copy)
        self.model.close()
        del self.model
        gc.collect()
        self.assertEqual((first[0, 0], second[0, 0]), (2, 6))

    def test_cycles_are_freed_in_any_order(self):
        for _ in range(20):
            model = pome.Model(self.program(support.COUNTER))
            state = model.make_state()
            ring = {"model": model, "state": state}
            ring["result"] = model.predict({"x": np.ones(4)}, state, copy=False)
            ring["ring"] = ring
            del model, state, ring
            gc.collect()

    def test_batch(self):
        batch = [{"x": ONES * i, "y": ONES} for i in range(4)]
        results = self.model.predict_batch(batch)
        self.assertEqual([float(r["sum"][0, 0]) for r in results], [1, 2, 3, 4])


class States(support.Folder):
    def setUp(self):
        super().setUp()
        self.model = pome.Model(self.program(support.COUNTER))

    def test_timeline(self):
        state = self.model.make_state()
        x = {"x": np.arange(4)}
        self.model.predict(x, state)
        other = state.clone()
        self.assertEqual(self.model.predict(x, state)["now"].tolist(), [0, 2, 4, 6])
        self.assertEqual(other.read("total").tolist(), [0, 1, 2, 3])
        other.write("total", np.full(4, 10.0))
        self.assertEqual(self.model.predict(x, other)["now"].tolist(), [10, 11, 12, 13])
        state.reset()
        self.assertEqual(state.read("total").tolist(), [0, 0, 0, 0])
        self.assertEqual((state.names, state.bytes), (["total"], 8))

    def test_wrong(self):
        x, state = {"x": np.ones(4)}, self.model.make_state()
        with self.assertRaisesRegex(pome.PomeError, "a state is needed"):
            self.model.predict(x)
        larger = support.COUNTER.replace("[4]", "[8]")
        foreign = pome.Model(self.program(larger, "larger.mil")).make_state()
        with self.assertRaisesRegex(pome.PomeError, "state"):
            self.model.predict(x, foreign)
        with self.assertRaisesRegex(pome.PomeError, "no state is named"):
            state.read("other")
        with self.assertRaises(pome.PomeError):
            state.write("total", np.ones(5))
        with self.assertRaises(pome.PomeError):
            pome.Model(self.program(support.ADD, "add.mil")).predict({"x": ONES}, state)


if __name__ == "__main__":
    support.main()
