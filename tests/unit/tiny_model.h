/* Small models built in tests: their messages, a weight file, a folder, and where the shared data
 * is. */
#ifndef POME_TESTS_TINY_MODEL_H
#define POME_TESTS_TINY_MODEL_H

#include "wire_writer.h"

/* DataType numbers of MIL.proto that the tests use. */
enum {
  MIL_BOOL = 1,
  MIL_STRING = 2,
  MIL_FP16 = 10,
  MIL_FP32 = 11,
  MIL_FP64 = 12,
  MIL_INT8 = 21,
  MIL_INT16 = 22,
  MIL_INT32 = 23,
  MIL_INT64 = 24,
  MIL_INT4 = 25,
  MIL_UINT8 = 31,
  MIL_UINT16 = 32,
  MIL_UINT32 = 33,
  MIL_UINT64 = 34,
  MIL_UINT4 = 35,
  MIL_UINT1 = 37
};

/* A ValueType: a tensor; a dimension of -1 is unknown. */
wire tiny_tensor_type(int dtype, int rank, const int64_t *dims);
/* A Value with the given type and one field of TensorValue (7: bytes ...) holding `list`. */
wire tiny_value(wire type, uint32_t list_field, wire list);
wire tiny_string_value(const char *text);
wire tiny_blob_value(wire type, const char *file, uint64_t offset);
/* A map's entry. */
wire tiny_entry(const char *key, wire value);
wire tiny_named_type(const char *name, wire type);
/* Adds `key = name` to an Operation. */
void tiny_op_input(wire *op, const char *key, const char *name);
/* const NAME = value, of that type. */
wire tiny_const(const char *name, wire type, wire value);
/* NAME = add(x, y) on fp32[2] */
wire tiny_add(const char *name, const char *x, const char *y);
/* A Program with the function "main"(x: fp32[2]) -> (y) of that block, CoreML7. */
wire tiny_program(wire block);
/* The block that computes y = x + c, where c is [1, 2], in place or from
 * "@model_path/weights/weight.bin" at 64. */
wire tiny_add_block(bool from_blob);
/* A Model around a Program, with the ports x and y. */
wire tiny_model(wire program);
/* A weight file with one fp32 record [1, 2] at 64. */
wire tiny_weights(void);
/* Appends a record with its data and pads to 64 bytes; returns its offset. */
uint64_t tiny_weight_record(wire *file, uint32_t type, uint64_t padding, const void *data,
                            size_t size);

/* Temporary folders and files. Failure ends the test program. */
void tiny_folder(char *path, size_t size);
void tiny_make_folder(const char *folder, const char *name);
void tiny_write(const char *folder, const char *name, const void *data, size_t size);
void tiny_remove(const char *folder);
/* An .mlpackage in `folder`, with weights unless NULL. */
void tiny_package(const char *folder, const wire *model, const wire *weights);
/* "Manifest.json" whose root item has that path. */
void tiny_manifest(const char *folder, const char *item_path);

/* The shared data folder ($POME_SHARED or ../shared), or NULL after saying loudly that the test
 * skips. */
const char *tiny_shared(void);
/* Bytes this process has in memory. */
size_t tiny_resident(void);
/* Of processor time: what else the machine does must not fail a test. */
double tiny_milliseconds(void);

#endif
