/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_child: one proof, in a process that makes no other and has nothing to lose.
 *
 * Runs in: a child of keystay-prove, forked ahead. It gives up everything but memory and one socket, waits for one PROVE,
 * answers, ends. What a hostile certificate does to it, it does to nobody else.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "agent/helpers/prove_anchors.h"
#include "lib/base/bytes.h"
#include "lib/base/sandbox.h"
#include "lib/protocol/message.h"

/* parent: who must be there still. channel: the only descriptor that is kept. Does not return. */
_Noreturn void ks_prove_child_run(pid_t parent, int channel, const struct ks_prove_anchors *anchors,
				  const struct ks_sandbox_filter *filter);

/* The proof alone: what a child makes of the body of a PROVE. reason is of 256 bytes. */
int ks_prove_child_answer(const struct ks_msg_prove *message, const struct ks_prove_anchors *anchors,
			  uint8_t ret_spki_hash[32], char *ret_reason) KS_WARN_UNUSED;
