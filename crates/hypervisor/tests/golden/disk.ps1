# Attaches the config drive of a virtual machine to it. Run it on the Hyper-V host, as an
# administrator. Running it again changes nothing.
#Requires -Modules Hyper-V
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$name = 'web1'
$image = 'C:\web1\configdrive.vhd'

if (-not (Test-Path -LiteralPath $image -PathType Leaf)) {
    throw "There is no file $image on this host: copy the config drive there first."
}
$machine = @(Get-VM | Where-Object { $_.Name -eq $name })
if ($machine.Count -ne 1) {
    throw "$($machine.Count) virtual machines are named $name; there has to be one."
}
$machine = $machine[0]

if (@(Get-VMHardDiskDrive -VM $machine | Where-Object { $_.Path -eq $image }).Count -gt 0) {
    Write-Output "$name has the config drive already."
    return
}
if ($machine.Generation -eq 1 -and $machine.State -ne 'Off') {
    throw "$name runs: shut it down first, an IDE device cannot be added before."
}
if ($machine.Generation -ne 1) {
    throw "$name is of generation 2, which takes no VHD: make the config drive anew with --as dvd."
}
Add-VMHardDiskDrive -VM $machine -ControllerType IDE -Path $image
Write-Output "$name has the config drive in a new disk."
