/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_script: what the shim module was told to do wrong, and the count of what it was asked for.
 *
 * The language is described at the head of shim.c.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

/* What is left to do after shim_enter(). */
enum shim_act {
	SHIM_CALL,         /* call the real function */
	SHIM_RETURN,       /* return rv without calling it */
	SHIM_RETURN_AFTER, /* call it and return rv */
	SHIM_GARBAGE,      /* call it and answer nonsense */
	SHIM_WRONG,        /* answer something plausible that is false */
};

struct shim_call {
	enum shim_act act;
	CK_RV rv;
};

/* Counts a call of function ("C_Sign"), with detail behind it where that is not NULL; does what the script says about
 * it as far as that is the same for all functions: hang, crash, wait and so on. Thread-safe. */
struct shim_call shim_enter(const char *function, const char *detail);

/* The same for a function that waits: under wait-blocks no other call enters before it has returned. */
struct shim_call shim_enter_wait(const char *function);

/* What to return, when the real function returned rv. */
CK_RV shim_leave(const struct shim_call *call, CK_RV rv);

/* Is there a line "SETTING VALUE" (value NULL: "SETTING" alone)? */
bool shim_has(const char *setting, const char *value);

/* The value of the line "SETTING NAME VALUE", or "SETTING VALUE" when name is NULL. false when there is none. */
bool shim_value(const char *setting, const char *name, char *out, size_t size);
bool shim_number(const char *setting, const char *name, CK_ULONG *ret_number);
