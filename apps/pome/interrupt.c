/* See interrupt.h. The handler touches only lock-free atomics and the registered function. */
#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <pome/base.h>

static volatile sig_atomic_t signal_seen;
static void (*_Atomic stop_function)(void *context);
static void *_Atomic stop_context;

static void on_signal(int number) {
  void (*stop)(void *context) = atomic_load(&stop_function);
  if (signal_seen || !stop) _exit(128 + number);
  signal_seen = number;
  stop(atomic_load(&stop_context));
}

/* A signal that the parent had ignored, as for a job in the background, stays ignored. */
static void catch_signal(int number) {
  struct sigaction action = {.sa_handler = on_signal}, before;
  sigemptyset(&action.sa_mask);
  if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN) return;
  sigaction(number, &action, NULL);
}

/* Pages that are not there: the file was cut, or its disk fails. Any other bus error is a bug, and
 * stays one. */
static void on_bus_error(int number, siginfo_t *facts, void *context) {
  static const char message[] =
      "pome: a file became shorter while it was read, or its disk cannot be read\n"
      "hint: keep a model's files as they are while they are in use\n";
  (void)context;
  if (facts->si_code == BUS_ADRERR) {
    ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    _exit(written > 0 ? pome_status_exit_code(POME_IO) : 1);
  }
  signal(number, SIG_DFL);
  raise(number);
}

static void catch_bus_errors(void) {
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, NULL);
}

void interrupt_start(void) {
  catch_signal(SIGINT);
  catch_signal(SIGTERM);
  catch_bus_errors();
}

void interrupt_with(void (*stop)(void *context), void *context) {
  atomic_store(&stop_function, NULL);
  atomic_store(&stop_context, context);
  atomic_store(&stop_function, stop);
}

bool interrupt_seen(void) {
  return signal_seen != 0;
}

int interrupt_take(void) {
  int number = signal_seen;
  if (number == SIGINT) signal_seen = 0;
  return number;
}

int interrupt_exit_status(int status) {
  return signal_seen ? 128 + signal_seen : status;
}
