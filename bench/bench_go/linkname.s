// SPDX-License-Identifier: BSD-2-Clause
// Empty: Go takes functions without a body, such as what linkname names, only beside assembly.
