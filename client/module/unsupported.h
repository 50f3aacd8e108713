/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unsupported: the functions of Cryptoki that keystay has no use for, one for each form of parameters. All answer
 * CKR_FUNCTION_NOT_SUPPORTED, the two for parallel functions CKR_FUNCTION_NOT_PARALLEL (PKCS#11 2.40 section 5.15).
 *
 * Runs in: any program that loads the module.
 */
#pragma once

#include <p11-kit/pkcs11.h>

CK_RV ks_no_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key);
CK_RV ks_no_transform(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_size, CK_BYTE_PTR out,
		      CK_ULONG_PTR out_size);
CK_RV ks_no_output(CK_SESSION_HANDLE session, CK_BYTE_PTR out, CK_ULONG_PTR out_size);
CK_RV ks_no_input(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_size);
CK_RV ks_no_two_inputs(CK_SESSION_HANDLE session, CK_BYTE_PTR a, CK_ULONG a_size, CK_BYTE_PTR b, CK_ULONG b_size);
CK_RV ks_no_digest_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism);
CK_RV ks_no_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);
CK_RV ks_no_init_token(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_size, CK_UTF8CHAR_PTR label);
CK_RV ks_no_state(CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG state_size, CK_OBJECT_HANDLE a,
		  CK_OBJECT_HANDLE b);
CK_RV ks_no_create(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR attributes, CK_ULONG count, CK_OBJECT_HANDLE_PTR object);
CK_RV ks_no_copy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR attributes, CK_ULONG count,
		 CK_OBJECT_HANDLE_PTR copy);
CK_RV ks_no_size(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG_PTR size);
CK_RV ks_no_set(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR attributes, CK_ULONG count);
CK_RV ks_no_generate(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR attributes, CK_ULONG count,
		     CK_OBJECT_HANDLE_PTR key);
CK_RV ks_no_generate_pair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR a, CK_ULONG n_a,
			  CK_ATTRIBUTE_PTR b, CK_ULONG n_b, CK_OBJECT_HANDLE_PTR public_key,
			  CK_OBJECT_HANDLE_PTR private_key);
CK_RV ks_no_wrap(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
		 CK_BYTE_PTR out, CK_ULONG_PTR out_size);
CK_RV ks_no_unwrap(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE unwrapping, CK_BYTE_PTR in,
		   CK_ULONG in_size, CK_ATTRIBUTE_PTR attributes, CK_ULONG count, CK_OBJECT_HANDLE_PTR key);
CK_RV ks_no_derive(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base,
		   CK_ATTRIBUTE_PTR attributes, CK_ULONG count, CK_OBJECT_HANDLE_PTR key);
CK_RV ks_no_parallel(CK_SESSION_HANDLE session);
CK_RV ks_no_message(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
		    CK_ULONG data_size, CK_BYTE_PTR in, CK_ULONG in_size, CK_BYTE_PTR out, CK_ULONG_PTR out_size);
CK_RV ks_no_message_begin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
			  CK_ULONG data_size);
CK_RV ks_no_message_next(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR in,
			 CK_ULONG in_size, CK_BYTE_PTR out, CK_ULONG_PTR out_size, CK_FLAGS flags);
CK_RV ks_no_message_final(CK_SESSION_HANDLE session);
CK_RV ks_no_message_sign(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
			 CK_ULONG data_size, CK_BYTE_PTR signature, CK_ULONG_PTR signature_size);
CK_RV ks_no_message_sign_begin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size);
CK_RV ks_no_message_verify(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
			   CK_ULONG data_size, CK_BYTE_PTR signature, CK_ULONG signature_size);
