#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the place of the suite's own, which downloads them: the images made from Debian packages.
images=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../../images")
echo "BUSYBOX_IMAGE=$images/busybox.tar"
echo "DEBIAN_IMAGE=$images/debian.tar"
