/* pome/pome.h: the whole public interface. */
#ifndef POME_POME_H
#define POME_POME_H

#include <pome/base.h>
#include <pome/llm.h>
#include <pome/model.h>
#include <pome/run.h>
#include <pome/tensor.h>
#include <pome/value.h>

#endif
