/* Matrix products for AVX2. */
#include "kernels/x86/vector_avx2.h"

#include "kernels/x86/matmul_body.h"

void pome__matmul_avx2(pome__kernels *table) {
  matmul_fill(table);
}
