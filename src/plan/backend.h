/* The one seam for devices.
 *
 * A plan cuts a function into subplans: runs of operations, in order, that one backend executes. A
 * backend says which operations it can run, prepares a subplan once (chooses kernels, packs
 * weights), opens an instance of it for each run (buffers), and executes it with submit and wait.
 * Values cross between subplans in slots, as tensors in host memory, as lists or as dictionaries;
 * constants are asked from the plan, dense or as the packed bytes of the file.
 *
 * A value's stored type may be wider than its declared type: fp32 where fp16 is declared. Readers
 * look at the tensor.
 */
#ifndef POME_SRC_PLAN_BACKEND_H
#define POME_SRC_PLAN_BACKEND_H

#include <pome/run.h>
#include <stdatomic.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/pool.h"
#include "mil/mil.h"

typedef struct pome__plan pome__plan;
typedef struct pome__subplan pome__subplan;

/* ---- values at run time (slot.c) ---- */

/* Memory shared by slots, counted. A buffer is used by one run, hence by one thread at a time. */
typedef struct pome__buffer {
  const pome_allocator *allocator;
  size_t references;
  size_t bytes;
  void *data; /* 64-byte aligned */
} pome__buffer;

typedef enum pome__slot_kind {
  POME__SLOT_EMPTY,
  POME__SLOT_TENSOR,
  POME__SLOT_LIST,
  POME__SLOT_DICTIONARY /* `tensor` holds the values, in the order of `keys` */
} pome__slot_kind;

typedef struct pome__list pome__list;

/* What a value holds now. `buffer` is NULL when the memory is not counted (a backend's arena, the
 * caller's input, a state, a constant). */
typedef struct pome__slot {
  pome__slot_kind kind;
  pome_tensor tensor;
  pome__buffer *buffer;
  pome__list *list;
  const pome_tensor *keys; /* of a dictionary: one dimension, the plan's */
} pome__slot;

/* A list value: elements are slots of tensors. Shared lists are copied before they are written. */
struct pome__list {
  const pome_allocator *allocator;
  size_t references;
  size_t count;
  pome__slot *items;  /* EMPTY until written */
  pome__type element; /* tensor type, dimensions may be unknown */
  bool dynamic;       /* grows when written past its end */
};

/* Largest number of elements a list may grow to. */
#define POME__MAX_LIST ((size_t)1 << 24)

/* A contiguous tensor in a new counted buffer. */
pome_status pome__slot_alloc(pome__slot *slot, const pome_allocator *allocator, pome_dtype dtype,
                             int rank, const int64_t *shape, pome_error *error);
/* Another reference to the same memory. */
void pome__slot_share(pome__slot *target, const pome__slot *source);
/* Safe on an empty slot. */
void pome__slot_clear(pome__slot *slot);

pome__list *pome__list_create(const pome_allocator *allocator, size_t count,
                              const pome__type *element, bool dynamic);
/* A list with one reference that may be changed: `list` itself when `list->references` is 1, else a
 * copy (and the reference to `list` is given up). NULL when out of memory. */
pome__list *pome__list_own(pome__list *list);
bool pome__list_grow(pome__list *list, size_t count);

/* ---- what a plan was asked for ---- */

typedef struct pome__settings {
  const pome_allocator *allocator;
  pome_numerics numerics;
  int threads;   /* >= 1 */
  pome__isa isa; /* kernels of no higher level */
} pome__settings;

/* The type in which a value declared `dtype` is kept between operations on the processor: strict
 * keeps it, the others make every float below fp64 an fp32. */
pome_dtype pome__stored_dtype(pome_dtype dtype, pome_numerics numerics);

/* ---- subplans ---- */

struct pome__subplan {
  const pome__plan *plan;
  const struct pome__backend *backend;
  pome__op *const *ops; /* in order, constants and constexpr ops left out */
  size_t op_count;
  pome__value **inputs; /* used here, made elsewhere; no constants */
  size_t input_count;
  pome__value **outputs; /* made here, used elsewhere or wanted as results */
  size_t output_count;
  void *prepared; /* the backend's own */
};

/* One prediction, as an instance sees it. */
typedef struct pome__exec {
  pome__slot *slots; /* by value index; inputs are filled, outputs are to be filled */
  const pome__lease *lease;
  const atomic_bool *cancel;
  void (*step_done)(void *context); /* after each operation of the subplan; may be NULL */
  void *context;
} pome__exec;

typedef struct pome__backend {
  const char *name;
  /* Why it cannot be used on this machine, or NULL when it can. May be NULL: it always can. */
  const char *(*unavailable)(void);
  /* Whether the operation (with its nested blocks) runs here; if not, the reason in `reason`. */
  bool (*supports)(const pome__op *op, const pome__settings *settings, char *reason, size_t size);
  /* Fills subplan->prepared. Memory may come from the plan's arena. */
  pome_status (*prepare)(pome__plan *plan, pome__subplan *subplan, pome_error *error);
  void (*release)(pome__subplan *subplan);
  /* Buffers for one run, at the largest sizes that the plan's bounds allow. */
  pome_status (*open)(const pome__subplan *subplan, const pome_allocator *allocator,
                      void **instance, pome_error *error);
  void (*close)(void *instance);
  size_t (*bytes)(const void *instance);
  pome_status (*submit)(void *instance, const pome__exec *exec, pome_error *error);
  /* Until all that was submitted is done. May be NULL: `submit` returns only then. */
  pome_status (*wait)(void *instance, pome_error *error);
} pome__backend;

/* POME_CANCELLED once the flag is up. */
pome_status pome__check_cancel(const pome__exec *exec, pome_error *error);

#endif
