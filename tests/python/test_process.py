"""Threads, the interpreter's lock, Ctrl-C, forks, pickles, and the end of the interpreter."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import copy
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import unittest

import numpy as np
import pome

ONES = np.ones((2, 3), np.float32)
ENDLESS = {"n": np.int32(10**8), "x": np.ones((64, 64), np.float32)}


class Threads(support.Folder):
    def test_eight_threads_with_their_own_states(self):
        model = pome.Model(self.program(support.COUNTER))
        wrong = []

        def count(step):
            state = model.make_state()
            for i in range(1, 101):
                now = model.predict({"x": np.full(4, step, np.float16)}, state)["now"]
                if now.tolist() != [i * step] * 4:
                    wrong.append((step, i, now))

        threads = [threading.Thread(target=count, args=(step,)) for step in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_one_state_in_two_predictions_at_once(self):
        text = support.LONG.replace("main<ios18>(", "main<ios18>(state<tensor<fp16, [4]>> total, ")
        model = pome.Model(self.program(text))
        state = model.make_state()
        outcome = []

        def predict():
            with self.assertRaises(pome.PomeError) as caught:
                model.predict(ENDLESS, state)
            outcome.append(caught.exception.status)

        thread = threading.Thread(target=predict)
        thread.start()
        while not model._active:
            time.sleep(0.001)
        time.sleep(0.05)
        with self.assertRaisesRegex(pome.PomeError, "the state is in use by another prediction"):
            model.predict(ENDLESS, state)
        state.close()  # freed when the prediction is over
        while thread.is_alive():
            model.cancel()
            time.sleep(0.01)
        self.assertEqual(outcome, ["CANCELLED"])

    def test_the_lock_is_released(self):
        """Another thread counts on while this one is in a prediction, until it cancels it."""
        model = pome.Model(self.program(support.LONG))
        ticks = []

        def count():
            while not model._active:
                time.sleep(0.001)
            for _ in range(200_000):
                ticks.append(None)
            while model._active:
                model.cancel()
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        with self.assertRaises(pome.PomeError) as caught:
            model.predict(ENDLESS)
        thread.join()
        self.assertEqual(caught.exception.status, "CANCELLED")
        self.assertEqual(len(ticks), 200_000)
        again = model.predict({"n": np.int32(1), "x": np.ones((64, 64), np.float32)})
        self.assertAlmostEqual(float(again["y"][0, 0]), np.sin(1.0), places=5)

    def test_closed_while_predicting(self):
        model = pome.Model(self.program(support.COUNTER))
        state = model.make_state()
        results, stop = [], threading.Event()

        def predict():
            try:
                while not stop.is_set():
                    results.append(model.predict({"x": np.ones(4)}, state))
            except pome.PomeError as error:
                results.append(str(error))

        thread = threading.Thread(target=predict)
        thread.start()
        while len(results) < 5:
            time.sleep(0.001)
        state.close()
        model.close()
        thread.join(10)
        stop.set()
        self.assertIn(results[-1], ("the model is closed", "the state is closed"))


INTERRUPTED = """
import signal, sys, threading, time
import numpy as np, pome

model = pome.Model(sys.argv[1])
inputs = {"n": np.int32(10**8), "x": np.ones((64, 64), np.float32)}
for attempt in range(3):
    begun = []

    def press():
        while not model._active:
            time.sleep(0.001)
        time.sleep(0.1)
        begun.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=press).start()
    try:
        model.predict(inputs)
        sys.exit("the prediction went on")
    except KeyboardInterrupt:
        waited = time.monotonic() - begun[0]
        assert waited < 2, waited
    small = model.predict({**inputs, "n": np.int32(1)})["y"]
    assert abs(small[0, 0] - np.sin(1.0)) < 1e-5
assert signal.set_wakeup_fd(-1) == -1
print("interrupted")
"""
OTHERS = """
import os, signal, sys, threading, time
import numpy as np, pome

reader, writer = os.pipe()
os.set_blocking(writer, False)
signal.set_wakeup_fd(writer)
seen = []
if sys.argv[2] == "own handler":
    signal.signal(signal.SIGINT, lambda *_: seen.append("handler"))
model = pome.Model(sys.argv[1])

def press():
    while not model._active:
        time.sleep(0.001)
    signal.raise_signal(signal.SIGINT)
    time.sleep(0.2)
    while model._active and sys.argv[2] == "own handler":
        model.cancel()
        time.sleep(0.01)

threading.Thread(target=press).start()
try:
    model.predict({"n": np.int32(10**8), "x": np.ones((64, 64), np.float32)})
except BaseException as error:
    seen.append(type(error).__name__)
print(sorted(seen), os.read(reader, 1) == bytes([signal.SIGINT]), signal.set_wakeup_fd(-1) == writer)
"""
LEAVING = """
import signal
from pome import _interrupt

end, ends = _interrupt._Watcher.end, []

def interrupted(watcher):
    ends.append(watcher.cancel)
    if len(ends) == 1:
        raise KeyboardInterrupt
    end(watcher)

_interrupt._Watcher.end = interrupted
try:
    _interrupt.cancelling(int, list)
except KeyboardInterrupt:
    print(ends == [int, int], _interrupt._watchers[0].cancel, signal.set_wakeup_fd(-1))
"""


class Interrupts(support.Folder):
    def test_ctrl_c_stops_a_prediction(self):
        done = self.run_python("-c", INTERRUPTED, self.program(support.LONG))
        self.assertEqual((done.stdout, done.stderr), ("interrupted\n", ""))

    def test_ctrl_c_as_a_call_ends(self):
        """Nothing is left behind that would cancel later calls."""
        done = self.run_python("-c", LEAVING)
        self.assertEqual((done.stdout, done.stderr), ("True None -1\n", ""))

    def test_other_uses_of_signals(self):
        """What else waits for signals still gets them; a handler of the program's own is respected."""
        path = self.program(support.LONG)
        done = self.run_python("-c", OTHERS, path, "usual handler")
        self.assertEqual((done.stdout, done.stderr), ("['KeyboardInterrupt'] True True\n", ""))
        done = self.run_python("-c", OTHERS, path, "own handler")
        self.assertEqual((done.stdout, done.stderr), ("['PomeError', 'handler'] True True\n", ""))


def in_a_child(model, expected, done):
    """Predicts, with threads of the child's own, and ends as any interpreter ends."""
    x, w = np.full((256, 512), 0.5, np.float32), np.ones((512, 512), np.float32)
    done.put(bool((model.predict({"x": x, "w": w})["y"] == expected).all()))


@unittest.skipUnless(hasattr(os, "fork"), "no fork here")
class Forks(support.Folder):
    def fork(self, task):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(60)
                status = 0 if task() else 1
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_amid_a_prediction(self):
        model = pome.Model(self.program(support.LONG))
        add = pome.Model(self.program(support.ADD, "add.mil"))
        outcome = []

        def predict():
            try:
                model.predict(ENDLESS)
            except pome.PomeError as error:
                outcome.append(error.status)

        thread = threading.Thread(target=predict)
        thread.start()
        while not model._active:
            time.sleep(0.001)

        def task():
            result = add.predict({"x": ONES, "y": ONES})["sum"]
            small = model.predict({"n": np.int32(2), "x": np.zeros((64, 64), np.float32)})["y"]
            return result[0, 0] == 2 and not small.any()

        status = self.fork(task)
        while thread.is_alive():
            model.cancel()
            time.sleep(0.01)
        self.assertEqual((status, outcome), (0, ["CANCELLED"]))

    def test_the_child_has_threads_and_ends_clean(self):
        model = pome.Model(self.program(support.MATRIX), threads=2)
        x, w = np.full((256, 512), 0.5, np.float32), np.ones((512, 512), np.float32)
        expected = model.predict({"x": x, "w": w})["y"]
        self.assertEqual(expected[0, 0], 256)
        before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0

        def threads_are_made():
            again = model.predict({"x": x, "w": w})["y"]
            after = len(os.listdir("/proc/self/task")) if before else 0
            # one of the pool, as in the parent, and one that waits for Ctrl-C
            return (again == expected).all() and (before < 3 or after >= 3)

        self.assertEqual(self.fork(threads_are_made), 0)
        context = multiprocessing.get_context("fork")
        done = context.Queue()
        children = [context.Process(target=in_a_child, args=(model, expected, done)) for _ in range(3)]
        for child in children:
            child.start()
        for _ in children:
            self.assertTrue(done.get(timeout=60))
        for child in children:
            child.join(60)
            self.assertEqual(child.exitcode, 0)

    def test_ctrl_c_in_a_child(self):
        model = pome.Model(self.program(support.LONG))
        model.predict({"n": np.int32(1), "x": ENDLESS["x"]})

        def task():
            threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
            try:
                model.predict(ENDLESS)
            except KeyboardInterrupt:
                return True

        self.assertEqual(self.fork(task), 0)


ENDING = """
import sys, threading
import numpy as np, pome

model = pome.Model(sys.argv[1])
state = model.make_state()
view = model.predict({"x": np.ones(4)}, state, copy=False)["now"]
function = model.function()
cycle = [model, state, view]
cycle.append(cycle)

class Late:
    def __del__(self):
        self.model.predict({"x": np.ones(4)}, self.state)

late = Late()
late.model, late.state = pome.Model(sys.argv[1]), None
late.state = late.model.make_state()
endless = pome.Model(sys.argv[2])
inputs = {"n": np.int32(10**8), "x": np.ones((64, 64), np.float32)}
threading.Thread(target=endless.predict, args=(inputs,), daemon=True).start()
while not endless._active:
    pass
print("ends")
"""


class Ends(support.Folder):
    def test_the_interpreter_ends_with_live_objects(self):
        paths = self.program(support.COUNTER), self.program(support.LONG, "long.mil")
        for _ in range(3):
            done = self.run_python("-X", "dev", "-c", ENDING, *paths)
            self.assertEqual((done.stdout, done.stderr, done.returncode), ("ends\n", "", 0))

    def test_no_pickles_and_no_copies(self):
        model = pome.Model(self.program(support.COUNTER))
        objects = {
            "pome.Model": (model, "open it again where it is needed"),
            "pome.State": (model.make_state(), r"clone\(\) makes another of it"),
            "pome.Function": (model.function(), "make it where it is needed"),
        }
        for name, (thing, instead) in objects.items():
            for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
                with self.assertRaisesRegex(TypeError, f"a {name} is memory of this process.*{instead}"):
                    attempt(thing)
        self.assertEqual(pickle.loads(pickle.dumps(model.inputs)), model.inputs)


if __name__ == "__main__":
    sys.setswitchinterval(1e-4)  # threads meet more often
    support.main()
