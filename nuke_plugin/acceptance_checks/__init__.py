"""The acceptance kit: what the plugin assumes of Nuke, one check each, for somebody who has Nuke."""
