/* See interrupt.h. The handler touches only lock-free atomics and the registered function. */
#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

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

void interrupt_start(void) {
  catch_signal(SIGINT);
  catch_signal(SIGTERM);
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
