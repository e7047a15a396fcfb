/* Elementwise kernels for AVX2. */
#include "kernels/x86/vector_avx2.h"

#include "kernels/x86/elementwise_body.h"

void pome__elementwise_avx2(pome__kernels *table) {
  elementwise_fill(table);
}
