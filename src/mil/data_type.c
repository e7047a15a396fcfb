/* MIL.proto's numbers for element types: what the readers and the writer of protobuf programs
 * share. Source: coremltools mlmodel/format/MIL.proto, DataType.
 */
#include "mil/mil.h"

static const struct {
  uint32_t number;
  pome_dtype dtype;
} data_types[] = {
    {1, POME_BOOL},       {2, POME_STRING},   {10, POME_FP16},   {11, POME_FP32},
    {12, POME_FP64},      {13, POME_BF16},    {21, POME_INT8},   {22, POME_INT16},
    {23, POME_INT32},     {24, POME_INT64},   {25, POME_INT4},   {31, POME_UINT8},
    {32, POME_UINT16},    {33, POME_UINT32},  {34, POME_UINT64}, {35, POME_UINT4},
    {36, POME_UINT2},     {37, POME_UINT1},   {38, POME_UINT6},  {39, POME_UINT3},
    {40, POME_FP8E4M3FN}, {41, POME_FP8E5M2},
};
#define DATA_TYPES (sizeof(data_types) / sizeof(data_types[0]))

pome_dtype pome__dtype_from_data_type(uint64_t number) {
  for (size_t i = 0; i < DATA_TYPES; i++)
    if (data_types[i].number == number) return data_types[i].dtype;
  return POME_DTYPE_NONE;
}

uint32_t pome__data_type_of(pome_dtype dtype) {
  for (size_t i = 0; i < DATA_TYPES; i++)
    if (data_types[i].dtype == dtype) return data_types[i].number;
  return 0;
}
