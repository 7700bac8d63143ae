// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "init/scene.hpp"
#include "plan/plan.hpp"

namespace oci::init {

void perform(const OpenTerminal& open, Scene& scene);
void perform(const OwnStandardStreams& own, Scene& scene);
void perform(const NewSession& session, Scene& scene);

}  // namespace oci::init
