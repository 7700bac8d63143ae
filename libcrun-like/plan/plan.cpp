// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

namespace oci {

Action::Action(Action&&) noexcept = default;
Action& Action::operator=(Action&&) noexcept = default;
Action::~Action() = default;

InitPlan::InitPlan() = default;
InitPlan::InitPlan(InitPlan&&) noexcept = default;
InitPlan& InitPlan::operator=(InitPlan&&) noexcept = default;
InitPlan::~InitPlan() = default;

Action& InitPlan::push(Step step) {
  return steps.emplace_back(std::move(step)).action;
}

}  // namespace oci
