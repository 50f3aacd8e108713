/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container: from a part that stands inside a struct to the struct.
 */
#pragma once

#include <stddef.h>

/* The struct of this type whose member is at pointer. */
#define KS_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
