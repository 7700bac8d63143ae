// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "init/scene.hpp"
#include "plan/plan.hpp"

namespace oci::init {

void perform(const RaiseLoopback& raise, Scene& scene);

}  // namespace oci::init
