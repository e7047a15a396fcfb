/* The pool: gates between the leaseholder and each worker, and a claim on each share.
 *
 * A gate is a number that one thread raises and one other waits for: a short spin, then sleep. Each
 * worker has two, one that counts the tasks given to it and one that counts those it has done, each
 * on cache lines of its own. Raising a gate nobody sleeps at is one store and one load. The sleeper
 * announces itself before it looks at the number a last time, and the raiser looks for sleepers
 * after it wrote the number; both in sequentially consistent order, so that one of the two sees the
 * other.
 *
 * A share belongs to whoever claims it first. A worker claims its own when it comes through the
 * gate; the leaseholder, done with the first share, claims those that nobody has begun. So a worker
 * that sleeps or that the system has put aside costs nothing but its help: nobody waits for a
 * thread that has not started.
 *
 * Everything else in the pool is written by the leaseholder alone while no share is claimed and
 * unfinished, and read by workers that hold a claim.
 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* Two lines of most machines, since they fetch lines in pairs; one of Apple's. */
#define LINE             128
#define SPIN_NANOSECONDS 100000
#define SPINS_PER_LOOK   64 /* at the clock */
#define STACK_SIZE       ((size_t)1 << 20)

#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

typedef struct gate {
  _Alignas(LINE) atomic_uint number;
  atomic_uint sleepers;
  pthread_mutex_t mutex;
  pthread_cond_t raised;
} gate;

typedef struct worker {
  gate start; /* number of the newest task */
  gate done;  /* number of the last task whose share this worker has finished */
  _Alignas(LINE) atomic_uint claimed; /* number of the last task whose share somebody has claimed */
} worker;

static struct {
  _Alignas(LINE) atomic_bool leased;
  atomic_uint epoch; /* counts forks */
  bool watches_fork;
  int workers; /* threads running */
  int count;   /* shares of the newest task */
  void (*task)(void *context, int index, int count);
  void *context;
  worker list[POME__POOL_MAX - 1];
} pool;

static void gate_init(gate *g) {
  memset(g, 0, sizeof *g);
  atomic_init(&g->number, 0);
  atomic_init(&g->sleepers, 0);
  (void)pthread_mutex_init(&g->mutex, NULL);
  (void)pthread_cond_init(&g->raised, NULL);
}

static void gate_raise(gate *g, unsigned number) {
  atomic_store(&g->number, number);
  if (atomic_load(&g->sleepers) == 0) return;
  (void)pthread_mutex_lock(&g->mutex);
  (void)pthread_cond_signal(&g->raised);
  (void)pthread_mutex_unlock(&g->mutex);
}

static int64_t now(void) {
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* True once the number is another than `old`; false when it has taken too long. */
static bool gate_spin(gate *g, unsigned old) {
  int64_t start = 0;
  for (;;) {
    for (int i = 0; i < SPINS_PER_LOOK; i++) {
      if (atomic_load_explicit(&g->number, memory_order_acquire) != old) return true;
      RELAX();
    }
    int64_t time = now();
    if (start == 0) start = time;
    else if (time - start > SPIN_NANOSECONDS) return false;
  }
}

/* Until the number is not `old` any more. */
static void gate_wait(gate *g, unsigned old) {
  if (gate_spin(g, old)) return;
  (void)pthread_mutex_lock(&g->mutex);
  atomic_store(&g->sleepers, 1);
  while (atomic_load(&g->number) == old) (void)pthread_cond_wait(&g->raised, &g->mutex);
  atomic_store(&g->sleepers, 0);
  (void)pthread_mutex_unlock(&g->mutex);
}

/* Task numbers go up by one and each is claimed exactly once. */
static bool claim(worker *w, unsigned number) {
  unsigned before = number - 1;
  return atomic_compare_exchange_strong(&w->claimed, &before, number);
}

static void *work(void *argument) {
  worker *self = argument;
  int index = (int)(self - pool.list) + 1;
  for (unsigned seen = 0;;) {
    gate_wait(&self->start, seen);
    seen = atomic_load(&self->start.number);
    if (!claim(self, seen)) continue;
    pool.task(pool.context, index, pool.count);
    gate_raise(&self->done, seen);
  }
  return NULL;
}

/* The child of a fork has the one thread that forked. */
static void forget_workers(void) {
  pool.workers = 0;
  atomic_fetch_add(&pool.epoch, 1);
  atomic_store(&pool.leased, false);
}

/* The program's signals are not for its helper threads. */
static bool start_worker(worker *self) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
  gate_init(&self->start);
  gate_init(&self->done);
  atomic_init(&self->claimed, 0);
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  bool started = pthread_create(&thread, &attributes, work, self) == 0;
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  (void)pthread_attr_destroy(&attributes);
  return started;
}

void pome__pool_lease(int wanted, pome__lease *lease) {
  *lease = (pome__lease){.threads = 1};
  if (wanted <= 1 || atomic_exchange(&pool.leased, true)) return;
  if (wanted > POME__POOL_MAX) wanted = POME__POOL_MAX;
  if (!pool.watches_fork) pool.watches_fork = pthread_atfork(NULL, NULL, forget_workers) == 0;
  while (pool.watches_fork && pool.workers < wanted - 1 && start_worker(&pool.list[pool.workers]))
    pool.workers++;
  int threads = pool.workers < wanted ? pool.workers + 1 : wanted;
  if (threads == 1) {
    atomic_store(&pool.leased, false);
    return;
  }
  lease->threads = threads;
  lease->epoch = atomic_load(&pool.epoch);
}

/* A lease of one thread holds nothing, neither does one from before a fork. */
static bool holds_pool(const pome__lease *lease) {
  return lease->threads > 1 && lease->epoch == atomic_load(&pool.epoch);
}

void pome__pool_return(pome__lease *lease) {
  if (holds_pool(lease)) atomic_store(&pool.leased, false);
  lease->threads = 1;
}

/* Runs the worker's share when the worker has not begun it, and waits for it otherwise. */
static void finish_share(int i, void (*task)(void *context, int index, int count), void *context,
                         int count) {
  worker *w = &pool.list[i];
  unsigned number = atomic_load_explicit(&w->start.number, memory_order_relaxed);
  if (claim(w, number)) {
    task(context, i + 1, count);
    return;
  }
  for (unsigned done; (done = atomic_load(&w->done.number)) != number;) gate_wait(&w->done, done);
}

void pome__pool_run(const pome__lease *lease, void (*task)(void *context, int index, int count),
                    void *context) {
  int count = lease->threads;
  if (!holds_pool(lease)) {
    for (int i = 0; i < count; i++) task(context, i, count);
    return;
  }
  pool.task = task;
  pool.context = context;
  pool.count = count;
  for (int i = 0; i < count - 1; i++) {
    gate *start = &pool.list[i].start;
    gate_raise(start, atomic_load_explicit(&start->number, memory_order_relaxed) + 1);
  }
  task(context, 0, count);
  for (int i = 0; i < count - 1; i++) finish_share(i, task, context, count);
}

void pome__pool_share(size_t total, size_t grain, int index, int count, size_t *begin,
                      size_t *end) {
  if (grain == 0) grain = 1;
  size_t units = total / grain + (total % grain != 0);
  size_t each = units / (size_t)count, rest = units % (size_t)count, i = (size_t)index;
  size_t first = i * each + (i < rest ? i : rest);
  size_t after = first + each + (i < rest);
  *begin = first < units ? first * grain : total;
  *end = after < units ? after * grain : total;
}
