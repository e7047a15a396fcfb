/* One table of kernels per instruction-set level, built once: every level starts from the one below
 * and overrides what it does better. A level the machine lacks gets the table of the highest level
 * it has, so asking for too much is harmless. */
#include "kernels/kernels.h"

#include <pthread.h>
#include <string.h>

#define FILLS_PER_LEVEL 3

static pome__kernels_fill *const fills[POME__ISA_COUNT][FILLS_PER_LEVEL] = {
    [POME__ISA_SCALAR] = {pome__elementwise_scalar, pome__matmul_scalar, pome__outer_scalar},
#ifdef POME_HAVE_X86
    [POME__ISA_AVX2] = {pome__elementwise_avx2, pome__matmul_avx2, pome__outer_avx2},
    [POME__ISA_AVX512] = {pome__elementwise_avx512, pome__matmul_avx512, pome__outer_avx512},
#endif
};

static pome__kernels tables[POME__ISA_COUNT];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void build_tables(void) {
  int machine = (int)pome__cpu_isa();
  for (int level = 0; level < POME__ISA_COUNT; level++) {
    if (level > 0) memcpy(&tables[level], &tables[level - 1], sizeof tables[level]);
    if (level > machine) continue;
    for (int i = 0; i < FILLS_PER_LEVEL; i++) {
      if (fills[level][i]) fills[level][i](&tables[level]);
    }
  }
}

const pome__kernels *pome__kernels_get(pome__isa isa) {
  (void)pthread_once(&tables_once, build_tables);
  int level = (int)isa;
  if (level < 0) level = 0;
  if (level >= POME__ISA_COUNT) level = POME__ISA_COUNT - 1;
  return &tables[level];
}
