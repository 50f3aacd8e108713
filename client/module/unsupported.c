/* SPDX-License-Identifier: Apache-2.0 */
/* unsupported: see unsupported.h. Runs in: any program that loads the module. */
#include "client/module/unsupported.h"

/* The parameters are there for their types alone. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

CK_RV ks_no_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_transform(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_size, CK_BYTE_PTR out,
		      CK_ULONG_PTR out_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_output(CK_SESSION_HANDLE session, CK_BYTE_PTR out, CK_ULONG_PTR out_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_input(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_two_inputs(CK_SESSION_HANDLE session, CK_BYTE_PTR a, CK_ULONG a_size, CK_BYTE_PTR b, CK_ULONG b_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_digest_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_init_token(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_size, CK_UTF8CHAR_PTR label)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_state(CK_SESSION_HANDLE session, CK_BYTE_PTR state, CK_ULONG state_size, CK_OBJECT_HANDLE a,
		  CK_OBJECT_HANDLE b)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_create(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR attributes, CK_ULONG count, CK_OBJECT_HANDLE_PTR object)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_copy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR attributes, CK_ULONG count,
		 CK_OBJECT_HANDLE_PTR copy)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_size(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG_PTR size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_set(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR attributes, CK_ULONG count)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_generate(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR attributes, CK_ULONG count,
		     CK_OBJECT_HANDLE_PTR key)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_generate_pair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR a, CK_ULONG n_a,
			  CK_ATTRIBUTE_PTR b, CK_ULONG n_b, CK_OBJECT_HANDLE_PTR public_key,
			  CK_OBJECT_HANDLE_PTR private_key)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_wrap(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key,
		 CK_BYTE_PTR out, CK_ULONG_PTR out_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_unwrap(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE unwrapping, CK_BYTE_PTR in,
		   CK_ULONG in_size, CK_ATTRIBUTE_PTR attributes, CK_ULONG count, CK_OBJECT_HANDLE_PTR key)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_derive(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base,
		   CK_ATTRIBUTE_PTR attributes, CK_ULONG count, CK_OBJECT_HANDLE_PTR key)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_parallel(CK_SESSION_HANDLE session)
{
	return CKR_FUNCTION_NOT_PARALLEL;
}

CK_RV ks_no_message(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
		    CK_ULONG data_size, CK_BYTE_PTR in, CK_ULONG in_size, CK_BYTE_PTR out, CK_ULONG_PTR out_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_message_begin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
			  CK_ULONG data_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_message_next(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR in,
			 CK_ULONG in_size, CK_BYTE_PTR out, CK_ULONG_PTR out_size, CK_FLAGS flags)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_message_final(CK_SESSION_HANDLE session)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_message_sign(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
			 CK_ULONG data_size, CK_BYTE_PTR signature, CK_ULONG_PTR signature_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_message_sign_begin(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}

CK_RV ks_no_message_verify(CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_size, CK_BYTE_PTR data,
			   CK_ULONG data_size, CK_BYTE_PTR signature, CK_ULONG signature_size)
{
	return CKR_FUNCTION_NOT_SUPPORTED;
}
