/* pome/model.h: opened models, their functions and ports.
 *
 * A model is what a file or folder holds, parsed and verified: functions with typed inputs, outputs
 * and states, and metadata. It is immutable; any number of threads may use it at once.
 */
#ifndef POME_MODEL_H
#define POME_MODEL_H

#include <pome/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pome_model pome_model;
typedef struct pome_function pome_function;

/* What kind of value a port carries (FeatureTypes.proto). */
typedef enum pome_feature {
  POME_FEATURE_UNKNOWN,
  POME_FEATURE_TENSOR, /* multiArrayType, or a tensor of a program */
  POME_FEATURE_IMAGE,
  POME_FEATURE_INT64,
  POME_FEATURE_DOUBLE,
  POME_FEATURE_STRING,
  POME_FEATURE_DICTIONARY,
  POME_FEATURE_SEQUENCE,
  POME_FEATURE_STATE
} pome_feature;

typedef enum pome_color {
  POME_COLOR_NONE,
  POME_COLOR_GRAY,
  POME_COLOR_RGB,
  POME_COLOR_BGR,
  POME_COLOR_GRAY_FP16
} pome_color;

/* Which shapes a port accepts. */
typedef enum pome_flexibility {
  POME_SHAPE_FIXED,      /* `shape` only */
  POME_SHAPE_ENUMERATED, /* one of `shapes` */
  POME_SHAPE_RANGE       /* per dimension lower[i] .. upper[i] */
} pome_flexibility;

/* One input, output or state. All pointers live as long as the model. The shape of an image is
 * [height, width]. */
typedef struct pome_port {
  const char *name;
  const char *description; /* "" when there is none */
  pome_feature feature;
  pome_dtype dtype;             /* element type of tensors and states; key type of dictionaries */
  pome_color color;             /* of images */
  int32_t rank;                 /* -1: not declared */
  int64_t shape[POME_MAX_RANK]; /* the default shape; POME_DIM_UNKNOWN where not declared */
  pome_flexibility flexibility;
  const int64_t (*shapes)[POME_MAX_RANK]; /* enumerated shapes */
  size_t shape_count;
  int64_t lower[POME_MAX_RANK];
  int64_t upper[POME_MAX_RANK]; /* -1: unbounded */
  bool optional;
  bool has_default; /* an optional tensor's value when it is not given */
  double default_value;
} pome_port;

typedef struct pome_model_options {
  size_t size;
  const pome_allocator *allocator;
  const pome_log *log;
  bool copy; /* read files into memory instead of mapping them */
  /* Ceiling, in bytes, for what parsing may allocate; 0: four times the file plus 64 MiB. */
  size_t max_parse_memory;
} pome_model_options;

POME_API void pome_model_options_init_sized(pome_model_options *options, size_t size);
static inline void pome_model_options_init(pome_model_options *options) {
  pome_model_options_init_sized(options, sizeof *options);
}

/* Opens a .mlpackage or .mlmodelc folder, a .mlmodel file, a bare program text (.mil), or a folder
 * that holds one as model.mlpackage or model.mlmodelc; what it is, is found from the content. Files
 * are mapped: they must not shrink while the model is open unless `copy` is set. Fails with
 * POME_INPUT (missing, broken, no model), POME_UNSUPPORTED (an opset, operation, element type or
 * file version that is not known: the message names it), POME_MEMORY, POME_IO. Models of types that
 * do not run, neural networks with a layer that does not, linear models of other things than
 * numbers, and programs whose weight file is missing, open and can be inspected; pome_plan_create
 * refuses them. Sources: coremltools 9.0 modelpackage/src/ModelPackage.cpp,
 * mlmodel/format/Model.proto. */
POME_API pome_status pome_model_open(const char *path, const pome_model_options *options,
                                     pome_model **model, pome_error *error);

/* As above from memory: a Model protobuf and the bytes of its weight.bin (NULL, 0 when it has
 * none). Both must stay valid and unchanged until pome_model_close unless `copy` is set. */
POME_API pome_status pome_model_open_memory(const void *spec, size_t spec_size, const void *weights,
                                            size_t weights_size, const pome_model_options *options,
                                            pome_model **model, pome_error *error);

/* Every plan, run and state made from the model must be freed before. */
POME_API void pome_model_close(pome_model *model);

/* "mlProgram", "neuralNetworkClassifier", ... as Model.proto names it. */
POME_API const char *pome_model_type(const pome_model *model);
/* "mlpackage", "mlmodelc", "mlmodel", "mil", "memory". */
POME_API const char *pome_model_container(const pome_model *model);
POME_API int pome_model_specification_version(const pome_model *model);

/* Metadata: author, license, versionString, shortDescription, then user-defined keys, as `count`
 * pairs. An index out of range leaves key and value alone. */
POME_API size_t pome_model_metadata_count(const pome_model *model);
POME_API void pome_model_metadata(const pome_model *model, size_t index, const char **key,
                                  const char **value);

POME_API size_t pome_model_function_count(const pome_model *model);
POME_API const pome_function *pome_model_function(const pome_model *model, size_t index);
/* NULL when there is none of that name; name NULL gives the default function. */
POME_API const pome_function *pome_model_find_function(const pome_model *model, const char *name);

POME_API const char *pome_function_name(const pome_function *function);
/* "CoreML7" and the like, of a neural network or a linear model that of the program made of it; ""
 * when the function is no program's. */
POME_API const char *pome_function_opset(const pome_function *function);
POME_API const pome_model *pome_function_model(const pome_function *function);

/* "mlProgram" and the like: the model's type, or that of the stage that this function is. */
POME_API const char *pome_function_type(const pome_function *function);

/* The models that a pipeline runs one after another, joined by the names of their ports: functions
 * with ports, operations and weights of their own. None: not a pipeline. */
POME_API size_t pome_function_stage_count(const pome_function *function);
POME_API const pome_function *pome_function_stage(const pome_function *function, size_t index);

/* Feature that a classifier predicts, or NULL. */
POME_API const char *pome_function_predicted_feature(const pome_function *function);

typedef enum pome_port_kind { POME_INPUT_PORT, POME_OUTPUT_PORT, POME_STATE_PORT } pome_port_kind;

POME_API size_t pome_function_port_count(const pome_function *function, pome_port_kind kind);
POME_API const pome_port *pome_function_port(const pome_function *function, pome_port_kind kind,
                                             size_t index);
/* NULL when there is none of that name. */
POME_API const pome_port *pome_function_find_port(const pome_function *function,
                                                  pome_port_kind kind, const char *name);

/* A summary of the operations of a function, nested blocks included: how often each type occurs. */
typedef struct pome_op_count {
  const char *type;
  size_t count;
  const char *unsupported; /* NULL, or why no backend runs it */
} pome_op_count;
POME_API size_t pome_function_op_type_count(const pome_function *function);
POME_API pome_op_count pome_function_op_type(const pome_function *function, size_t index);

/* One constant of a function's program. */
typedef struct pome_weight {
  const char *name;     /* the value's name */
  const char *encoding; /* "dense", "lut", "affine", "blockwise", "sparse" ... */
  pome_dtype dtype;     /* of the stored elements: for a palette the index type */
  pome_tensor tensor;   /* stored shape and data; data is NULL when the weight file is missing */
  uint64_t offset;      /* of the data in the weight file, or POME_NO_OFFSET */
  size_t bytes;
} pome_weight;
POME_API size_t pome_function_weight_count(const pome_function *function);
POME_API pome_weight pome_function_weight(const pome_function *function, size_t index);

/* ---- looking into a run ---- */

/* A value that an operation takes or gives. Plans hand out those of the body, by name, when asked
 * to `keep` them. */
typedef struct pome_operation_value {
  const char *name; /* "" for a constant written in place */
  bool tensor;      /* and not a list, a dictionary or a state; what follows is about tensors */
  bool constant;    /* known before anything runs */
  pome_dtype dtype; /* as declared */
  int32_t rank;     /* -1: not declared */
  int64_t shape[POME_MAX_RANK]; /* POME_DIM_UNKNOWN where not declared */
  pome_tensor literal; /* of a constant that the file holds as it is used; otherwise data is NULL */
} pome_operation_value;

/* An operation of a function's body. One that holds blocks stands for what happens in them. */
typedef struct pome_operation {
  const char *type;
  const char *name;
  bool constant; /* makes a constant: `const` and `constexpr_...` */
  bool isolable; /* pome_operation_isolate takes it */
  /* Each once, in the order of the operation's parameters; then what its blocks take from outside.
   */
  const pome_operation_value *inputs;
  size_t input_count;
  const pome_operation_value *outputs;
  size_t output_count;
} pome_operation;

/* In the order in which they run. None for models that are no programs, and for pipelines. */
POME_API size_t pome_function_operation_count(const pome_function *function);
/* NULL when there is none of that index. Lives as long as the model. */
POME_API const pome_operation *pome_function_operation(const pome_function *function, size_t index);

/* A model of that operation alone, with its constants: its function has the values that the
 * operation takes, constants aside, as inputs, and its results as outputs. `function`'s model must
 * outlive it. POME_UNSUPPORTED for operations that are not isolable: they take or give other things
 * than tensors, or draw random numbers. */
POME_API pome_status pome_operation_isolate(const pome_function *function, size_t index,
                                            pome_model **model, pome_error *error);

/* The whole program as MIL text, handed piece by piece to `write`; a non-OK status from `write`
 * stops it and is returned. */
POME_API pome_status pome_model_print(const pome_model *model,
                                      pome_status (*write)(void *context, const char *text,
                                                           size_t size),
                                      void *context, pome_error *error);

typedef struct pome_save_options {
  size_t size;
  bool replace;  /* a package that stands at the path; nothing else is ever replaced */
  void *context; /* for `progress` */
  /* Told from time to time how many bytes of weights are written; false stops with POME_CANCELLED.
   */
  bool (*progress)(void *context, uint64_t done, uint64_t total);
} pome_save_options;

POME_API void pome_save_options_init_sized(pome_save_options *options, size_t size);
static inline void pome_save_options_init(pome_save_options *options) {
  pome_save_options_init_sized(options, sizeof *options);
}

/* Writes a program or a pipeline as an .mlpackage, whatever it was opened from. Ports and metadata
 * are kept as they are; constants of equal content are stored once; weights go from file to file
 * without being held in memory. The folder is written under another name beside `path` and renamed
 * when it is whole: on failure, and when the process is killed, there is no package or, with
 * `replace`, the old one. Fails with POME_INPUT (the path exists, weights are missing),
 * POME_UNSUPPORTED (not a program), POME_IO (no room), POME_CANCELLED, POME_MEMORY. */
POME_API pome_status pome_model_save(const pome_model *model, const char *path,
                                     const pome_save_options *options, pome_error *error);

#ifdef __cplusplus
}
#endif
#endif
