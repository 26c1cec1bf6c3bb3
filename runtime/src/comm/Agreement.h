//===- Agreement.h - Whether ranks can work together -----------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_COMM_AGREEMENT_H
#define LAMINA_RUNTIME_COMM_AGREEMENT_H

#include "Communicator.h"

namespace lamina::runtime {

/// Fails with the status of the first rank that cannot go on, or with
/// LAMRT_DEVICE naming the rank that is not like most, and in what. The same
/// statements give the same answer on every rank.
lamrt_status judge(const std::vector<const Statement *> &statements);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_AGREEMENT_H
