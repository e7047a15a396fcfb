/* Containers: what a path holds, as named, bounds-checked byte ranges and typed metadata.
 *
 * A package tells what kind of model it found, the model's description (ports, functions,
 * metadata), where the program is (protobuf or MIL text) and where the weights are. It does not
 * know what an operation is.
 */
#ifndef POME_SRC_PACKAGE_PACKAGE_H
#define POME_SRC_PACKAGE_PACKAGE_H

#include <pome/model.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

/* The 37 entries of Model.proto's oneof `Type`: field number, name. */
/* clang-format off */
#define POME__MODEL_TYPE_TABLE(X)                                                              \
  X(200, "pipelineClassifier") X(201, "pipelineRegressor") X(202, "pipeline")                  \
  X(300, "glmRegressor") X(301, "supportVectorRegressor") X(302, "treeEnsembleRegressor")      \
  X(303, "neuralNetworkRegressor") X(304, "bayesianProbitRegressor")                           \
  X(400, "glmClassifier") X(401, "supportVectorClassifier") X(402, "treeEnsembleClassifier")   \
  X(403, "neuralNetworkClassifier") X(404, "kNearestNeighborsClassifier")                      \
  X(500, "neuralNetwork") X(501, "itemSimilarityRecommender") X(502, "mlProgram")              \
  X(555, "customModel") X(556, "linkedModel") X(560, "classConfidenceThresholding")            \
  X(600, "oneHotEncoder") X(601, "imputer") X(602, "featureVectorizer")                        \
  X(603, "dictVectorizer") X(604, "scaler") X(606, "categoricalMapping") X(607, "normalizer")  \
  X(609, "arrayFeatureExtractor") X(610, "nonMaximumSuppression") X(900, "identity")           \
  X(2000, "textClassifier") X(2001, "wordTagger") X(2002, "visionFeaturePrint")                \
  X(2003, "soundAnalysisPreprocessing") X(2004, "gazetteer") X(2005, "wordEmbedding")          \
  X(2006, "audioFeaturePrint") X(3000, "serializedModel")
/* clang-format on */

#define POME__MODEL_TYPE_PIPELINE_CLASSIFIER 200
#define POME__MODEL_TYPE_PIPELINE_REGRESSOR  201
#define POME__MODEL_TYPE_PIPELINE            202
#define POME__MODEL_TYPE_PROGRAM             502
#define POME__MODEL_TYPE_NETWORK_REGRESSOR   303
#define POME__MODEL_TYPE_NETWORK_CLASSIFIER  403
#define POME__MODEL_TYPE_NETWORK             500
#define POME__MODEL_TYPE_GLM_REGRESSOR       300
#define POME__MODEL_TYPE_GLM_CLASSIFIER      400

typedef struct pome__function_description {
  const char *name;
  pome_port *inputs;
  size_t input_count;
  pome_port *outputs;
  size_t output_count;
  pome_port *states;
  size_t state_count;
  const char *predicted_feature;       /* NULL when there is none */
  const char *predicted_probabilities; /* NULL when there is none */
  /* Set when it is loaded, of a network that has a layer which is not run, or of another model that
   * is not: why; and a network's layers by type. */
  const char *refusal;
  pome_op_count *layers;
  size_t layer_count;
} pome__function_description;

typedef struct pome__description {
  int specification_version;
  int model_type; /* field number in Model.proto, 0 when the oneof is empty */
  const char *model_type_name;
  bool updatable;
  const char *default_function;          /* "" : the only one, or "main" */
  pome__function_description *functions; /* single-function models: one, named "main" */
  size_t function_count;
  const char **metadata; /* key, value, key, value ... */
  size_t metadata_count; /* pairs */
  pome__bytes message;   /* the serialized ModelDescription; empty when there was none */
} pome__description;

typedef enum pome__program_form {
  POME__PROGRAM_NONE,
  POME__PROGRAM_PROTO,
  POME__PROGRAM_TEXT,
  POME__PROGRAM_NETWORK, /* layers, which load/ makes a program of */
  POME__PROGRAM_LINEAR   /* a generalized linear model, the same */
} pome__program_form;

/* A weight file beyond the first one. */
typedef struct pome__weight_file {
  const char *name;
  pome__blob blob;
  struct pome__weight_file *next;
} pome__weight_file;

typedef struct pome__package {
  pome__arena arena;
  const char *container;    /* "mlpackage", "mlmodelc", "mlmodel", "mil", "memory" */
  pome__blob spec;          /* the Model protobuf, or model.mil */
  pome__blob extra;         /* coremldata.bin of a compiled bundle */
  pome__blob weights;       /* weight.bin, opened at its first use; empty when there is none */
  const char *weights_name; /* the name it was used by; NULL before */
  pome__weight_file *more_weights; /* files of other names */
  bool copy;                       /* files are read, not mapped */
  size_t max_parse_memory;         /* as in pome_model_options */
  const char *spec_path;           /* for messages */
  const char *root;                /* folder that "@model_path" stands for, or NULL */
  pome__description description;
  pome__program_form form;
  pome__bytes program; /* MILSpec.Program or the message of the model's type, or text */
  /* A pipeline's models, in order: their own description and program, but the files, memory and
   * ceiling of the package that they stand in. */
  struct pome__package *stages;
  size_t stage_count;
  struct pome__package *parent; /* of a stage */
  const char *stage_name;
  pome__bytes stage_model; /* the Model message of a stage */
} pome__package;

/* Finds out what `path` is and opens it. The package is usable, for `inspect`, whatever its model
 * type is. */
pome_status pome__package_open(const char *path, const pome_model_options *options,
                               pome__package **package, pome_error *error);
pome_status pome__package_open_memory(pome__bytes spec, pome__bytes weights,
                                      const pome_model_options *options, pome__package **package,
                                      pome_error *error);
void pome__package_close(pome__package *package);

/* ---- mlpackage.c, mlmodelc.c: fill a zeroed package (arena initialised) from a folder; the caller
 * closes it on failure ---- */
pome_status pome__mlpackage_open(pome__package *package, const char *path, pome_error *error);
/* Where the manifest says that the Model is: "Data/...", relative to the package and inside it. */
pome_status pome__manifest_parse(pome__bytes text, char *spec, size_t size, pome_error *error);
pome_status pome__mlmodelc_open(pome__package *package, const char *path, pome_error *error);
/* Parses package->spec, a Model. */
pome_status pome__package_parse_spec(pome__package *package, pome_error *error);
/* Sets the arena's ceiling for parsing a file of that size. */
void pome__package_limit(pome__package *package, size_t file_size);
/* A copy in the package's arena. */
pome_status pome__package_string(pome__package *package, const char *text, size_t size,
                                 const char **copy, pome_error *error);

/* Where what is found out about a package is kept: a stage has no arena of its own. */
static inline pome__arena *pome__package_arena(pome__package *package) {
  return package->parent != NULL ? &package->parent->arena : &package->arena;
}

/* pipeline.c: reads package->program, the message of a pipeline of package->description's type,
 * into stages. */
bool pome__model_type_is_pipeline(int type);
/* Whether load/ makes the program, which the file does not have. */
static inline bool pome__form_is_converted(pome__program_form form) {
  return form == POME__PROGRAM_NETWORK || form == POME__PROGRAM_LINEAR;
}
/* The form that a Model message of that type holds its program in. */
pome__program_form pome__model_type_form(int type);
pome_status pome__pipeline_parse(pome__package *package, pome_error *error);

/* Name of an entry of Model.proto's oneof by its field number, NULL when there is none. */
const char *pome__model_type_name(int type);

/* ---- description.c: Model.proto's description. `message` is a serialized Model (mlmodel) or a
 * bare ModelDescription (coremldata.bin). Strings and ports go to the arena. On return *program is
 * the message of the mlProgram, neural network or pipeline, empty when the model is of another
 * type.
 * ---- */
pome_status pome__description_parse_model(pome__bytes message, pome__arena *arena,
                                          pome__description *description, pome__bytes *program,
                                          pome_error *error);
/* ArrayDataType's number, 0 when ports cannot be of that type (feature_type.c). */
uint32_t pome__array_type_of(pome_dtype dtype);
pome_status pome__description_parse_bare(pome__bytes message, pome__arena *arena,
                                         pome__description *description, pome_error *error);

/* ---- weights.c: weight.bin, MILBlob version 2 ---- */
typedef struct pome__weight_record {
  pome_dtype dtype;
  pome__bytes data;
  size_t count; /* elements */
} pome__weight_record;

/* The layout, which src/save writes too; weights.c tells it. */
#define POME__WEIGHT_HEADER    64
#define POME__WEIGHT_RECORD    64
#define POME__WEIGHT_ALIGNMENT 64
#define POME__WEIGHT_SENTINEL  0xDEADBEEFu
#define POME__WEIGHT_VERSION   2
/* BlobDataType's number, 0 when weight files cannot hold the type. */
uint32_t pome__weight_type_of(pome_dtype dtype);

/* Reads the record whose metadata stands at `offset`, checking sentinel, version, alignment and
 * bounds; never the reserved fields or padding. */
pome_status pome__weight_read(pome__bytes file, uint64_t offset, pome__weight_record *record,
                              pome_error *error);

/* The bytes of a blob file a program names ("@model_path/weights/weight.bin"); opened once, path
 * kept inside the package. A file that is not there gives `data` NULL: the program can be looked at
 * all the same. */
pome_status pome__package_weights(pome__package *package, pome__bytes name, pome__bytes *file,
                                  pome_error *error);
/* POME_IO when the file of the package that holds these bytes has become shorter. */
pome_status pome__package_check(const pome__package *package, const void *data, pome_error *error);
/* The same of all its files: before anything reads the constants of its programs. */
pome_status pome__package_check_all(const pome__package *package, pome_error *error);
/* Tells the system that these bytes are not needed for now, if they are a mapped file's. */
void pome__package_forget(const pome__package *package, const void *data, size_t size);

/* ---- mlmodelc.c ---- */
/* coremldata.bin: finds the serialized ModelDescription by its length field. */
pome_status pome__coremldata_parse(pome__bytes file, pome__arena *arena,
                                   pome__description *description, pome_error *error);

#endif
