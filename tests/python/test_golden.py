"""Whole models through Python against their golden folders: the model of this checkout always, those of
the optional data folder when it is there. `pome verify` holds them to each one's own tolerance; here
one figure shows that values reach the right ports in the right form."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import json

import numpy as np
import pome

NEAR = 0.02  # norm of the difference over norm of the expected


def expected_of(arrays, name):
    if f"{name}.keys" in arrays:
        keys, values = arrays[f"{name}.keys"], arrays[f"{name}.values"]
        return dict(zip(keys.tolist(), values.tolist()))
    return arrays.get(name)


class Golden(support.Folder):
    def check(self, got, expected, place):
        if isinstance(expected, dict):
            self.assertEqual(set(got), set(expected), place)
            keys = list(expected)
            got, expected = [np.array([d[k] for k in keys]) for d in (got, expected)]
        if expected.dtype.kind in "US":
            self.assertEqual(got, expected.item(), place)
            return
        got = np.asarray(got)
        self.assertIn(
            got.shape,
            (expected.shape, ()) if expected.shape == (1,) else (expected.shape, (1,)) if expected.shape == () else (expected.shape,),
            place,
        )
        a, b = got.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
        error = np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-6)
        self.assertLess(error, NEAR, place)

    def run_folder(self, folder):
        golden = json.loads((folder / "golden.json").read_text())
        model = pome.Model(folder / golden["model"])
        state = None
        for number, call in enumerate(golden["calls"]):
            inputs = dict(np.load(folder / call["inputs"]))
            inputs = {k: v.item() if v.dtype.kind == "U" else v for k, v in inputs.items()}
            expected = dict(np.load(folder / call["outputs"]))
            if call.get("state") == "new":
                stateful = [name for name, f in model.functions.items() if f.states]
                state = model.make_state(stateful)
            results = model.predict(inputs, state if call.get("state") else None, call.get("function"))
            for name, got in results.items():
                want = expected_of(expected, name)
                if want is not None:
                    self.check(got, want, f"{folder.name} call {number} {name}")

    def test_own_model(self):
        self.run_folder(support.ROOT / "models/folio/golden")

    def test_zoo(self):
        folders = sorted(path.parent for path in support.SHARED.glob("zoo/*/golden.json"))
        if not folders:
            self.skipTest("no data folder: POME_SHARED or ../shared beside the checkout")
        for folder in folders:
            with self.subTest(folder.name):
                try:
                    self.run_folder(folder)
                except pome.PomeError as error:
                    if error.status != "UNSUPPORTED":
                        raise
                    print(f"SKIP: {folder.name}: {error}")

    def test_picture(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not installed")
        folder = support.SHARED / "zoo/image_to_image_ios15_fp16"
        if not folder.exists():
            self.skipTest("no data folder: POME_SHARED or ../shared beside the checkout")
        model = pome.Model(folder / "model.mlpackage")
        pixels = np.load(folder / "inputs_0.npz")["image"]
        from_array = model.predict({"image": pixels})["styled"]
        from_picture = model.predict({"image": Image.fromarray(pixels)})["styled"]
        alpha = model.predict({"image": Image.fromarray(pixels).convert("RGBA")})["styled"]
        self.assertEqual(from_array.dtype, np.uint8)
        np.testing.assert_array_equal(from_array, from_picture)
        np.testing.assert_array_equal(from_array, alpha)
        with self.assertRaises(pome.PomeError):
            model.predict({"image": Image.fromarray(pixels).resize((10, 10))})


if __name__ == "__main__":
    support.main()
