"""Puts the hosts' adapters and the client where Nuke and Blender look for them, and takes them away again.

A plan is made first and says line by line what it does; carrying it out does all of that or nothing.
"""

from semantic_matte.installing.extension_zip import plan_zip
from semantic_matte.installing.installs import plan_install
from semantic_matte.installing.plans import Plan
from semantic_matte.installing.uninstalls import plan_uninstall

__all__ = ["Plan", "plan_install", "plan_uninstall", "plan_zip"]
