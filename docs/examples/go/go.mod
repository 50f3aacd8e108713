// SPDX-License-Identifier: Apache-2.0

module example.org/keystay

go 1.19
