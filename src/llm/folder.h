/* Where a model's tokenizer and configuration lie. */
#ifndef POME_SRC_LLM_FOLDER_H
#define POME_SRC_LLM_FOLDER_H

#include "base/bytes.h"

/* The folder that a path means: itself, or for a model package the folder that holds it. `folder`
 * has POME__PATH_LIMIT bytes. */
pome_status pome__model_folder(const char *path, char *folder, pome_error *error);
/* Writes "folder/name" and tells whether it is a file. */
bool pome__file_beside(const char *folder, const char *name, char *path);

#endif
