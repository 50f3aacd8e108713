/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits: every quantity that a peer controls has its limit here, with its reason (invariant I8).
 *
 * Those of the wire are normative (docs/protocol.md) and hold for both sides; the others are the agent's own.
 */
#pragma once

/* --- the wire ---------------------------------------------------------------------------------------------------- */

#define KS_PROTOCOL_VERSION 1u

/* A TLS transcript with a long chain is about 10 KiB, a pathological one (16 certificates of 8 KiB) 130 KiB. */
#define KS_FRAME_MAX (256u * 1024)

/* To-be-signed input and transcript together, so that both always fit a frame beside the other fields. */
#define KS_SIGN_INPUT_MAX (192u * 1024)

/* What keystay-tap.so keeps of handshakes, in the whole of a program: 4,000 ordinary ones at a time, or 64 of the largest. */
#define KS_TAP_MEMORY_MAX (16u * 1024 * 1024)

/* A PKCS#11 label is 32 bytes, a subject name a few hundred; an error sentence with five URIs about 1 KiB. */
#define KS_TEXT_MAX 4096u

/* A certificate with a very long list of names; PIV cards hold at most about 3 KiB, files can hold more. */
#define KS_CERTIFICATE_MAX (64u * 1024)

/* Longest chain in a GET reply: leaf and nine issuers. OpenSSL's default depth is 100, real chains have 2 to 4. */
#define KS_CHAIN_MAX 10u

/* Certificates that a server shows, as far as a proof of it is tried; those of real servers are 2 to 4, and each one
 * more is a signature check more for whoever can make handshakes up. */
#define KS_PROOF_CERTIFICATES_MAX 10u

/* A CertificationRequestInfo. With an RSA-4096 key it has 0.7 KiB, with a hundred names of a server 4 KiB. */
#define KS_REQUEST_INFO_MAX (16u * 1024)

/* What is in one: parts of its name (real ones have 1 to 8), attributes (AD CS asks for up to 6), extensions, and elements
 * within one another (a request of AD CS has 9). */
#define KS_REQUEST_NAME_PARTS_MAX 64u
#define KS_REQUEST_ATTRIBUTES_MAX 16u
#define KS_REQUEST_EXTENSIONS_MAX 64u
#define KS_REQUEST_DEPTH_MAX 16u

/* What CMP signs: a key update for an RSA-4096 key has 2 KiB, with a hundred names of a server 6 KiB. */
#define KS_CMP_PART_MAX (16u * 1024)

/* RSA-8192. The largest of the key types here is RSA-4096, 512 bytes. */
#define KS_SIGNATURE_MAX 1024u

/* SubjectPublicKeyInfo of RSA-8192 is 1,062 bytes. */
#define KS_SPKI_MAX 2048u

/* Identities of one LIST reply; a page of 64 with long names stays far below KS_FRAME_MAX. */
#define KS_LIST_PAGE 64u

/* A certificate that was made a moment ago by somebody whose clock is ahead of ours holds. */
#define KS_CLOCK_SKEW_S 300u

/* Certificates of one STATUS_REPLY: more than 180 with the longest names, a thousand with usual ones. */
#define KS_STATUS_CERTIFICATES_MAX (64u * 1024)

/* "Wait as long as the agent thinks right" in SIGN.wait_ms. */
#define KS_WAIT_DEFAULT 0xffffffffu

/* PINs that a token was given without success, after which only a dialog that says so takes the next one (I6). */
#define KS_SUBMISSIONS_PLAIN 2u

/* --- proofs of servers --------------------------------------------------------------------------------------------- */

/* What a server's own signature is over: 130 or 146 bytes in TLS 1.3; in TLS 1.2 the randoms and ServerKeyExchange's
 * parameters, with a Diffie-Hellman group of 8192 bits about 3 KiB. */
#define KS_PROOF_INPUT_MAX (16u * 1024)

/* An OCSP response with its responder's certificate has 0.5 to 3 KiB. */
#define KS_PROOF_OCSP_MAX (16u * 1024)

/* Sets of anchors that one proof must hold for: a key's server-ca and a socket's. */
#define KS_PROOF_ANCHORS_MAX 2u

/* Files of anchors in one configuration; each is read at the start of keystay-prove, which keeps what is in it. */
#define KS_ANCHOR_FILES_MAX 64u

/* One file of anchors: a bundle of all public roots has 230 KiB. */
#define KS_ANCHOR_FILE_MAX (1024u * 1024)

/* One proof, all its waiting included; a chain of three RSA certificates takes 1 ms. */
#define KS_PROOF_DEADLINE_MS 500u

/* The same where keystay-prove has to start first and to read the anchors: some 50 ms on an idle machine. */
#define KS_PROOF_FIRST_DEADLINE_MS 3000u

/* Proofs under way at the same time, each in a process of its own, and processes that wait for one. */
#define KS_PROOFS_AT_ONCE 8u
#define KS_PROOFS_READY 2u

/* Proofs that wait for their turn, of one process, of one socket and of all, each with up to 200 KiB of a client's;
 * further ones are refused with QUOTA. Sockets, then processes, take turns. */
#define KS_PROOFS_QUEUED 64u
#define KS_PROOFS_QUEUED_PER_SOCKET 128u
#define KS_PROOFS_QUEUED_ALL 256u

/* Servers whose certificates were proven, and for how long that holds: a certificate that expires or is revoked in between
 * counts so much longer. A program talks to a handful. */
#define KS_PROOFS_REMEMBERED 64u
#define KS_PROOF_REMEMBERED_MS 60000u

/* What one proof may use beyond what its process begins with, and of the processor in seconds. */
#define KS_PROOF_MEMORY_MAX (64ull * 1024 * 1024)
#define KS_PROOF_CPU_S 1u

/* Clocks of an OCSP responder and of this machine may differ by so much. */
#define KS_PROOF_OCSP_SKEW_S 300

/* --- the agent --------------------------------------------------------------------------------------------------- */

/* A frame that has begun must be whole within this time, or its connection is closed (slow senders). */
#define KS_FRAME_DEADLINE_MS 10000u

/* A reply that the client does not read: its connection is closed after this time. */
#define KS_REPLY_DEADLINE_MS 10000u

/* Tokens whose lock is remembered; more than modules can show at once without lying. */
#define KS_UNLOCK_ENTRIES 4096u

/* Dialogs that wait for the one that is shown; each is for another token, so more is a mistake or an attack. */
#define KS_PROMPTS_QUEUED 64u

/* Clients that wait for one PIN; further ones are refused with QUOTA. */
#define KS_PROMPT_CLIENTS 1024u

/* After a person said no, the same token is not asked for again by itself for this time. */
#define KS_PROMPT_COOL_DOWN_MS 10000u

/* Questions whether a key may sign (agent/consent.h) that are shown or wait to be, of one process, of one socket and of
 * all: what a person can answer within the time that a program waits (some 20 in WAIT_FOR_PERSON_MS, 5 s each). */
#define KS_CONSENTS_PER_PROCESS 4u
#define KS_CONSENTS_PER_SOCKET 16u
#define KS_CONSENTS_OPEN 64u

/* After a person said no, the same program (by its name) is not asked for with the same key for this time, as with PINs. */
#define KS_CONSENT_COOL_DOWN_MS 10000u

/* So often within this time: then nobody is asked for this key at this socket, whatever the program calls itself. */
#define KS_CONSENT_REFUSALS 3u
#define KS_CONSENT_REFUSALS_MS 120000u

/* Answers of persons that are remembered; each one costs a person's click. The oldest makes way. */
#define KS_CONSENTS_REMEMBERED 256u
#define KS_CONSENT_NOES 64u

/* A yes that comes sooner after its dialog was shown was meant for another window: pinentries need up to 300 ms to draw,
 * and nobody reads in 700 ms. After so many of them it is a no. */
#define KS_CONFIRM_HASTE_MS 1000u
#define KS_CONFIRM_HASTES 3u

/* A token that may want a touch has signed for so long: the person is told. Signing itself takes cards 0.1 to 0.9 s, and
 * a token waits 10 to 15 s for its touch. */
#define KS_TOUCH_NOTICE_MS 1000u

/* How long such a notice stays at most, where nobody takes it away. */
#define KS_TOUCH_NOTICE_LASTS_MS 30000u

/* Notices of a touch within a minute; more than a person touches, so it is a program that signs without end. */
#define KS_TOUCH_NOTICES_PER_MINUTE 20u

/* A PIN that is typed at a reader's own keys: the card reader ends this itself, after 30 to 60 s. */
#define KS_PIN_PAD_DEADLINE_MS 90000u

/* Connections of one process and of one uid. When full, the oldest idle connection of that process (or uid) is closed,
 * so that a process that forgets to close harms itself first. */
#define KS_CONNECTIONS_PER_PROCESS 256u
#define KS_CONNECTIONS_PER_UID 4096u

/* Supplementary groups of a client that rules are held against; who has more counts as having none. Directory services
 * give hundreds, the kernel bears 65,536. */
#define KS_PEER_GROUPS_MAX 1024u

/* Descriptors kept free for workers and files, whatever clients do. */
#define KS_RESERVED_FILES 64u

/* Requests read ahead of one connection: one is served, the rest waits in the socket (back-pressure). */
#define KS_REQUESTS_PER_CONNECTION 1u

/* Signatures waiting for one worker; further ones are refused with QUOTA. 40 curls at once are usual in CI. */
#define KS_SIGNATURES_QUEUED 1024u

/* One call into a module. A smart card with RSA-4096 takes 3 s, a login on a slow one 2 s, a bad reader 10 s. */
#define KS_WORKER_SIGN_DEADLINE_MS 15000u
#define KS_WORKER_LOGIN_DEADLINE_MS 30000u

/* A key pair that a token makes: RSA-4096 takes a card a minute on average, and chance may double that. */
#define KS_WORKER_KEYGEN_DEADLINE_MS 180000u

/* What is asked of a module for provisioning (agent/provisioning.h): its slots, once it has started; one change of a token,
 * PINs of cards included (C_InitToken of an HSM erases it first); and what is with its worker before that is stopped. */
#define KS_PROVISION_LIST_DEADLINE_MS 20000u
#define KS_PROVISION_DEADLINE_MS 60000u
#define KS_PROVISION_DRAIN_MS 40000u

/* Looks at slots and changes of PINs at once: each has a process for each module, and locked memory for three PINs. */
#define KS_PROVISIONS_MAX 8u

/* Slots of one answer; readers and HSMs have at most some 30. */
#define KS_PROVISION_SLOTS_MAX 256u

/* Module start and inventory: opencryptoki and network HSMs need seconds, a card with 50 objects 5 s. */
#define KS_WORKER_START_DEADLINE_MS 20000u

/* One plug of a USB token is several events within some 10 ms: it is told when they have been quiet for the first time,
 * and after the second although they are not (a loose contact). Both are well below the 2 s in which it is to be usable. */
#define KS_DEVICES_QUIET_MS 200u
#define KS_DEVICES_LONGEST_MS 1000u

/* What a first client waits for workers that are still starting before it gets what is known so far. */
#define KS_SETTLE_DEADLINE_MS 5000u

/* A card was taken out while the module was at work with it: what is under way gets this long to fail by itself. OpenSC
 * 0.23 hangs for ever then; a card that was there can have no answer any more. */
#define KS_WORKER_REMOVAL_DEADLINE_MS 1000u

/* A module whose file is missing or not trusted is looked at again when somebody needs it, not more often than this. */
#define KS_WORKER_WAKE_MS 5000u

/* What a worker gets for its end when the agent stops: keystay-token allows C_Finalize one second. */
#define KS_WORKER_END_MS 1500u

/* A token that has signed and now fails so often in a row, for so long, has lost what its module was connected to (a TPM
 * that restarted): only another process of the module helps. */
#define KS_SIGN_FAILURES_RENEW 3u
#define KS_SIGN_FAILING_MS 2000u

/* A process that has grown by so much since it told its tokens leaks, and is replaced when it has nothing to do; looked at
 * not more often than this. 20,000 objects take SoftHSM some 100 MiB, but before it has told them. */
#define KS_WORKER_GROWTH (512ull * 1024 * 1024)
#define KS_WORKER_WEIGH_MS 1000u

/* What the kernel gives it at most beyond what it had then (RLIMIT_DATA), when it leaks faster than that. */
#define KS_WORKER_DATA_GROWTH (2048ull * 1024 * 1024)

/* A module that dies KS_WORKER_BREAKER_DEATHS times within KS_WORKER_BREAKER_MS rests for KS_WORKER_BACKOFF_LAST_MS. */
#define KS_WORKER_BREAKER_DEATHS 5u
#define KS_WORKER_BREAKER_MS 60000u

/* A look for tokens that came without a word (agent/scout.h) costs a process: not more often than this, for whatever
 * reason, but for `keystay reload`. */
#define KS_SCOUT_INTERVAL_MS 1000u

/* Between two such looks those that run already are asked, which costs little. */
#define KS_SCOUT_RESCAN_MS 1000u

/* What a request waits for such a look before it is answered with what is known. */
#define KS_SCOUT_DEADLINE_MS 2000u

/* Keyrings are built at most so often when news comes without end (a worker that reports again and again). */
#define KS_KEYRING_INTERVAL_MS 50u

/* Pause before a dead worker is started again: doubled from the first to the second value, reset after
 * KS_WORKER_STABLE_MS of life. */
#define KS_WORKER_BACKOFF_FIRST_MS 100u
#define KS_WORKER_BACKOFF_LAST_MS 30000u
#define KS_WORKER_STABLE_MS 60000u

/* What one module may report; more is cut off and logged (a hostile module, or an archive token). */
#define KS_TOKENS_PER_MODULE 64u
#define KS_OBJECTS_PER_MODULE 20000u
#define KS_OBJECT_BYTES_PER_MODULE (64u * 1024 * 1024)

/* Modules in one configuration. */
#define KS_MODULES_MAX 32u

/* [key] sections in one configuration; each identity is held against each of them when keys come or go. */
#define KS_KEY_SECTIONS_MAX 1024u

/* [profile] sections in one configuration: their words fit into one PROFILES_REPLY unless they are very long. */
#define KS_PROFILE_SECTIONS_MAX 64u

/* [token] sections in one configuration. */
#define KS_TOKEN_SECTIONS_MAX 256u

/* Keys and sockets whose uses are counted for max-rate at a time: as many as there are sections. */
#define KS_RATE_COUNTERS_MAX (KS_KEY_SECTIONS_MAX + KS_SOCKETS_MAX)

/* Keys of which it is remembered that their token has no RSASSA-PSS. */
#define KS_NO_PSS_MAX 64u

/* Sign sockets, and users and groups of one. */
#define KS_SOCKETS_MAX 32u
#define KS_SOCKET_ACCOUNTS_MAX 64u

/* One file of certs/ (a bundle of all public roots is 230 KiB) and the certificates of all of them. */
#define KS_CERTIFICATE_FILE_MAX (1024u * 1024)
#define KS_OVERLAY_CERTIFICATES_MAX 10000u

/* One *.crl of certs/, 100,000 entries, which take 50 MB and 0.1 s at a reload; those of companies have up to some
 * thousand. And the lists of all files: one for each CA that issued a key's certificate would do. */
#define KS_REVOCATION_FILE_MAX (4096u * 1024)
#define KS_REVOCATIONS_MAX 64u

/* All of them together, as they are written: some 200 MB in memory and half a second at a first reading. */
#define KS_REVOCATION_TOTAL_MAX (16u * 1024 * 1024)

/* One OCSP response: 0.5 KiB, 3 KiB with a responder's certificate of a large key. */
#define KS_OCSP_ANSWER_MAX (32u * 1024)

/* OCSP responses in the folder status/: one for each certificate in use. */
#define KS_OCSP_ANSWERS_MAX 256u

/* Responders, and lists, that are asked of one certificate: CAs name one or two of each. */
#define KS_STATUS_SOURCES_MAX 4u

/* A chain with its leaf, so that a GET reply fits its frame; real ones have 3 to 10 KiB. */
#define KS_CHAIN_BYTES_MAX (192u * 1024)

/* Certificates of one module that are tried as the issuer of one certificate, each at the price of a signature check: a
 * module cannot make the agent compute for long. A CA has two or three of one name (renewed, cross-signed). */
#define KS_CHAIN_TRIES 8u

/* Log text of one worker: bytes a second passed on; the rest is counted. */
#define KS_WORKER_LOG_BYTES_PER_S 16384u

/* What a reply waits for its audit record. A write to a file takes 20 us, a new keystay-audit 10 ms; a person does not
 * notice it. */
#define KS_AUDIT_DEADLINE_MS 100u

/* Audit records that are kept while they cannot be written; the oldest go first and are counted. At 3 KiB each. */
#define KS_AUDIT_RING 1024u

/* Records that are written, and acknowledged, together. */
#define KS_AUDIT_BATCH 64u

/* While the log cannot be written to it is tried again so often, and said so often. */
#define KS_AUDIT_RETRY_MS 1000u
#define KS_AUDIT_SHOUT_MS 60000u

/* A keystay-audit that has not answered for so long hangs (a network file system that is gone), and is killed. */
#define KS_AUDIT_HANG_MS 10000u

/* One line of the log. The longest texts of a record together, each character escaped, stay below. */
#define KS_AUDIT_LINE_MAX 8192u

/* The head of the chain goes to the journal after so many records, so that little can be cut off unseen. */
#define KS_AUDIT_HEAD_EVERY 256u

/* Events that `keystay monitor` may be behind, those of one reply (at 1.3 KiB each), and how long it waits for the next
 * one: less than KS_CLIENT_DEADLINE_MS. */
#define KS_MONITOR_RING 1024u
#define KS_MONITOR_PAGE 64u
#define KS_MONITOR_POLL_MS 60000u

/* Time that SIGTERM leaves for signatures under way. */
#define KS_DRAIN_MS 5000u

/* --- the worker -------------------------------------------------------------------------------------------------- */

/* Threads, and so sessions, of a worker on one token; SoftHSM gains up to two per core, cards gain nothing. */
#define KS_WORKER_SESSIONS 4u

/* --- clients ----------------------------------------------------------------------------------------------------- */

/* A client gives up by itself after this time when the agent does not answer. With a person in it the agent ends a
 * request after 110 s (agent/signing.c) and a signature after 15 s more. */
#define KS_CLIENT_DEADLINE_MS 150000u

/* A person unlocks a token: three dialogs of 60 s, each with its login. They can end it themselves at any time. */
#define KS_CLIENT_UNLOCK_DEADLINE_MS 240000u

/* A card makes an RSA-4096 key (KS_WORKER_KEYGEN_DEADLINE_MS), or a module starts and gives a token back, after a dialog
 * of 60 s and what its worker was at. */
#define KS_CLIENT_TOKEN_DEADLINE_MS 300000u

/* After this time a client on a terminal says what it waits for. */
#define KS_CLIENT_NOTICE_MS 1000u

/* --- the life of certificates (enrol/) --------------------------------------------------------------------------- */

/* What a CA answers: a chain is some KiB, EST's and SCEP's bundles some ten of them. */
#define KS_ENROL_ANSWER_MAX (256u * 1024)

/* Messages of CMP to a server for one certificate in one run: the request, a poll, the confirmation; twice that. */
#define KS_CMP_EXCHANGES_MAX 6u

/* All of them, signatures on the token and dialogs included. */
#define KS_CMP_TOTAL_S 900

/* Certificates of one answer: leaf, intermediates, and the roots that some CAs send along. */
#define KS_ENROL_CERTIFICATES_MAX 32u

/* Header fields of one answer; servers and their gateways send one or two KiB. */
#define KS_ENROL_HEADERS_MAX (64u * 1024)

/* Header fields of one request of ours that are not this file's: a token, a namespace. */
#define KS_ENROL_REQUEST_HEADERS_MAX 8u

/* One exchange: what a profile without timeout gets (a CA behind an HSM answers within seconds), and the most that counts.
 * Where the agent signs for the connection, the time in which it may ask its person comes on top. */
#define KS_ENROL_EXCHANGE_MS 30000u
#define KS_ENROL_EXCHANGE_MAX_MS 600000u

/* To reach one server by all of its addresses. */
#define KS_ENROL_CONNECT_MS 20000u

/* What a server may ask us to wait (Retry-After): a CA whose officer has the weekend off says days, nobody means more. */
#define KS_ENROL_RETRY_AFTER_MAX_S (7u * 86400u)

/* JSON of Vault and step-ca has four levels; a parser that calls itself must not be led deeper by a peer. */
#define KS_ENROL_JSON_DEPTH_MAX 16u

/* Words of command =. */
#define KS_PROGRAM_WORDS_MAX 64u

/* What a program said last on standard error, of which a message shows the end; the rest is passed over. */
#define KS_PROGRAM_TAIL_MAX 2048u
#define KS_PROGRAM_MESSAGES_MAX 512u

/* Answers "come again" in a row: the first may come as fast as the CA says (a person decides, or a script does at once),
 * then once a minute at most, then once an hour; and after a month nobody decides any more. */
#define KS_ENROL_POLLS_QUICK 10u
#define KS_ENROL_POLLS_MINUTE 100u
#define KS_ENROL_PENDING_MAX_S (31u * 24 * 3600)

/* Between two attempts: doubled from the first to the last, or a tenth of what the certificate has left. */
#define KS_ENROL_RETRY_FIRST_S 60u
#define KS_ENROL_RETRY_LAST_S 3600u

/* A new certificate that holds only from later on is waited for; further away it is a clock that is wrong. */
#define KS_ENROL_EARLY_MAX_S (24u * 3600)

/* A state file: a request, an answer of KS_ENROL_ANSWER_MAX in hexadecimal digits, what a driver keeps. */
#define KS_ENROL_STATE_MAX (1024u * 1024)

/* Keys that a rekeyed one has left behind and whose certificates have not expired; more than one only when somebody
 * forces it, and more than this keep the key that there is. */
#define KS_ENROL_PREVIOUS_MAX 64u

/* PEM files that are kept fresh. */
#define KS_ENROL_FRESH_MAX 256u

/* A deploy-hook: what reloads a server takes seconds. */
#define KS_ENROL_HOOK_MS 60000u

/* How long a person's command waits for another keystay-enroll at the same key, and a timer's. */
#define KS_ENROL_LOCK_MS 60000u
#define KS_ENROL_LOCK_UNATTENDED_MS 1000u

/* How often `keystay renew --watch` asks the agent whether its list changed: a token that is unlocked is noticed within
 * the first while something waits for it, else within the second. */
#define KS_ENROL_WATCH_WAITING_MS 2000u
#define KS_ENROL_WATCH_MS 60000u
