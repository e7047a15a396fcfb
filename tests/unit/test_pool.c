/* The pool: shares cover everything once, every index runs once, a second lease gives one thread,
 * sleeping workers wake, and a forked child works on without the parent's workers. Meant to run
 * under ThreadSanitizer too. */
#include "base/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ThreadSanitizer would end a child that starts threads, which is what is tested. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
  return "die_after_fork=0";
}

#define TOTAL 10007

typedef struct job {
  uint32_t seen[TOTAL]; /* written without locks: shares must not overlap */
  int counts[8];
  pthread_t caller;
} job;

static void touch(void *context, int index, int count) {
  job *j = context;
  size_t begin, end;
  pome__pool_share(TOTAL, 16, index, count, &begin, &end);
  for (size_t i = begin; i < end; i++) j->seen[i]++;
  if (index < 8) j->counts[index]++;
  if (index == 0 && !pthread_equal(pthread_self(), j->caller)) j->counts[0] += 1000;
}

static void share(void **state) {
  (void)state;
  static const size_t totals[] = {0, 1, 15, 16, 17, 100, 1000, 4097, SIZE_MAX - 5, SIZE_MAX};
  static const size_t grains[] = {0, 1, 7, 16, 64, 1000, SIZE_MAX};
  for (size_t t = 0; t < sizeof totals / sizeof *totals; t++) {
    for (size_t g = 0; g < sizeof grains / sizeof *grains; g++) {
      for (int count = 1; count < 9; count++) {
        size_t at = 0, smallest = SIZE_MAX, largest = 0;
        for (int i = 0; i < count; i++) {
          size_t begin, end;
          pome__pool_share(totals[t], grains[g], i, count, &begin, &end);
          assert_true(begin == at && end >= begin && end <= totals[t]);
          assert_true(end == totals[t] || grains[g] < 2 || end % grains[g] == 0);
          at = end;
          if (end - begin < smallest) smallest = end - begin;
          if (end - begin > largest) largest = end - begin;
        }
        assert_true(at == totals[t]);
        /* One unit more or less, and the last unit may be a part of one. */
        size_t grain = grains[g] ? grains[g] : 1, difference = largest - smallest;
        assert_true(difference <= grain || difference - grain < grain);
      }
    }
  }
}

static void pause_for(long milliseconds) {
  nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

static void run_many(const pome__lease *lease, int runs) {
  static job j;
  memset(&j, 0, sizeof j);
  j.caller = pthread_self();
  for (int i = 0; i < runs; i++) {
    pome__pool_run(lease, touch, &j);
    if (i % 64 == 63) pause_for(1); /* long enough for workers to fall asleep */
  }
  for (size_t i = 0; i < TOTAL; i++) assert_int_equal(j.seen[i], runs);
  for (int i = 0; i < lease->threads && i < 8; i++) assert_int_equal(j.counts[i], runs);
}

static void runs(void **state) {
  (void)state;
  static const int wanted[] = {3, 2, 4, 1, 3, 0, -5};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    pome__lease lease;
    pome__pool_lease(wanted[i], &lease);
    assert_int_equal(lease.threads, wanted[i] > 1 ? wanted[i] : 1);
    run_many(&lease, 300);
    pome__pool_return(&lease);
  }
}

static void nested_lease(void **state) {
  (void)state;
  pome__lease outer, inner;
  pome__pool_lease(2, &outer);
  assert_int_equal(outer.threads, 2);
  pome__pool_lease(2, &inner);
  assert_int_equal(inner.threads, 1);
  run_many(&inner, 10);
  run_many(&outer, 10);
  pome__pool_return(&inner); /* holds nothing, so that the outer one stays */
  pome__pool_lease(2, &inner);
  assert_int_equal(inner.threads, 1);
  pome__pool_return(&inner);
  pome__pool_return(&outer);
  pome__pool_return(&outer);
  pome__pool_lease(2, &inner);
  assert_int_equal(inner.threads, 2);
  pome__pool_return(&inner);
}

/* Threads that all want the pool: some get it, none waits, all finish their work. */
static void sum_share(void *context, int index, int count) {
  size_t begin, end;
  pome__pool_share(1000, 1, index, count, &begin, &end);
  uint64_t sum = 0;
  for (size_t i = begin; i < end; i++) sum += i;
  atomic_fetch_add((atomic_ullong *)context, sum);
}

static void *contend(void *failures) {
  for (int i = 0; i < 200; i++) {
    pome__lease lease;
    atomic_ullong sum = 0;
    pome__pool_lease(3, &lease);
    pome__pool_run(&lease, sum_share, &sum);
    pome__pool_return(&lease);
    if (atomic_load(&sum) != 499500) atomic_fetch_add((atomic_int *)failures, 1);
  }
  return NULL;
}

static void contention(void **state) {
  (void)state;
  pthread_t threads[3];
  atomic_int failures = 0;
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, contend, &failures), 0);
  for (int i = 0; i < 3; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_int_equal(atomic_load(&failures), 0);
}

/* The exit status of a child: 0 when all its work was done. */
static int child_work(pome__lease *inherited) {
  atomic_ullong sum = 0;
  pome__pool_run(inherited, sum_share, &sum);
  if (atomic_load(&sum) != 499500) return 1;
  pome__pool_return(inherited);
  pome__lease own;
  pome__pool_lease(3, &own);
  if (own.threads != 3) return 2;
  for (int i = 0; i < 20; i++) {
    atomic_store(&sum, 0);
    pome__pool_run(&own, sum_share, &sum);
    if (atomic_load(&sum) != 499500) return 3;
  }
  pome__lease second;
  pome__pool_return(inherited); /* from before the fork: must not give back the child's lease */
  pome__pool_lease(2, &second);
  if (second.threads != 1) return 4;
  pome__pool_return(&own);
  return 0;
}

static void after_fork(void **state) {
  (void)state;
  pome__lease lease;
  pome__pool_lease(3, &lease);
  run_many(&lease, 10);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    alarm(60);
    _exit(child_work(&lease));
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  run_many(&lease, 10);
  pome__pool_return(&lease);
}

/* A leased pool without work uses next to no processor time. */
static void idle_lease_sleeps(void **state) {
  (void)state;
  pome__lease lease;
  pome__pool_lease(3, &lease);
  run_many(&lease, 10);
  struct timespec before, after;
  pause_for(20);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  pause_for(300);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  int64_t used =
      (int64_t)(after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
  assert_true(used < 100000000);
  run_many(&lease, 10);
  pome__pool_return(&lease);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(share),        cmocka_unit_test(runs),
      cmocka_unit_test(nested_lease), cmocka_unit_test(contention),
      cmocka_unit_test(after_fork),   cmocka_unit_test(idle_lease_sleeps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
