/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child: runs a function in a forked child, for what cannot be undone in a process or must not happen in the test
 * itself.
 *
 * cmocka's assertions do not work there: the function returns 0, or the number of the step that went wrong.
 */
#pragma once

/* What body returned, or 1000 + the signal that ended the child. */
int child_run(int (*body)(void *), void *argument);

/* In a child of root: becomes this user and group for good. 0 or -1. */
int child_become(unsigned uid);

/* In a child: this system call is unknown from now on, as to an older kernel (ENOSYS). 0 or -1. */
int child_forget_call(unsigned number);
