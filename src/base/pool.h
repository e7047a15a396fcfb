/* One pool of worker threads per process, leased by one run at a time.
 *
 * While leased, workers spin for the next piece of work (waking a sleeping thread costs more than a
 * whole matrix-vector product), but not for long: after a tenth of a millisecond without work they
 * sleep. A run that finds the pool leased goes on alone on its caller's thread. Work is split
 * statically: worker i of n always gets the same share. After fork the child starts with no
 * workers.
 */
#ifndef POME_SRC_BASE_POOL_H
#define POME_SRC_BASE_POOL_H

#include <pome/base.h>

/* More are never leased. */
#define POME__POOL_MAX 256

typedef struct pome__lease {
  int threads;    /* >= 1, the caller's own included; 1: no helper threads */
  unsigned epoch; /* the pool's when leased; a fork moves it on */
} pome__lease;

/* Never fails: with the pool busy or no thread to be had, threads is 1. */
void pome__pool_lease(int wanted, pome__lease *lease);
void pome__pool_return(pome__lease *lease);

/* Calls task(context, i, lease->threads) once for every i in 0 .. threads-1 and returns when all
 * are done. i = 0 runs on the calling thread, and so do shares that their worker has not begun by
 * then. Allocates nothing. Only the thread that took the lease may call it, and a task must not.
 * With no workers left, as after a fork, the caller does all shares one after the other. */
void pome__pool_run(const pome__lease *lease, void (*task)(void *context, int index, int count),
                    void *context);

/* The share of `total` units, in multiples of `grain`, that worker `index` of `count` has. May be
 * empty; the shares follow each other and cover all units once. */
void pome__pool_share(size_t total, size_t grain, int index, int count, size_t *begin, size_t *end);

#endif
